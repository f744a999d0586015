/**
 * Reads a `config.json` strictly: every key is either used, ignored on purpose, or an error. A model that silently drops
 * a setting computes something else than its authors meant.
 */
import { CongError, closest } from "../support/index.ts";
import type { Json, JsonObject } from "./family.ts";

/** Keys that say nothing about the numbers a model computes: bookkeeping and defaults of generation and training. */
const bookkeeping: readonly string[] = [
  ..."_name_or_path _attn_implementation architectures auto_map dtype torch_dtype transformers_version use_cache".split(
    " ",
  ),
  ..."attention_dropout hidden_dropout hidden_dropout_prob attention_probs_dropout_prob classifier_dropout".split(" "),
  ..."output_attentions output_hidden_states return_dict return_dict_in_generate torchscript use_return_dict".split(
    " ",
  ),
  ..."is_encoder_decoder is_decoder add_cross_attention cross_attention_hidden_size chunk_size_feed_forward".split(" "),
  ..."id2label label2id num_labels problem_type task_specific_params finetuning_task gradient_checkpointing".split(" "),
  ..."max_length min_length do_sample temperature top_k top_p num_beams repetition_penalty sep_token_id".split(" "),
  ..."prefix pruned_heads tokenizer_class keys_to_ignore_at_inference model_type".split(" "),
];

/** Reads one key after another and remembers which. */
export interface ConfigReader {
  has(key: string): boolean;
  /** The raw value; undefined when absent or null. */
  value(key: string): Json | undefined;
  /** A whole number of at least `min` (default 1). */
  integer(key: string, fallback?: number, min?: number): number;
  optionalInteger(key: string): number | undefined;
  number(key: string, fallback?: number): number;
  flag(key: string, fallback: boolean): boolean;
  /** One of `names`. */
  choice<T>(key: string, table: Readonly<Record<string, T>>, fallback?: string): T;
  /** An id, a list of ids, or nothing. */
  ids(key: string): number[];
  /** Refuses every value but these (absent is fine): what the family cannot honour. */
  only(key: string, allowed: readonly Json[], why: string): void;
  /** Keys that are left aside on purpose. */
  ignore(...keys: readonly string[]): void;
  /** @throws CongError `BAD_CONFIG` naming the keys that were neither read nor ignored */
  finish(): void;
}

export function createConfigReader(json: JsonObject, family: string): ConfigReader {
  const known = new Set(bookkeeping);
  const bad = (key: string, wanted: string): CongError =>
    new CongError(
      "BAD_CONFIG",
      `config.json: ${key} is ${show(json[key])}, wanted ${wanted}`,
      { family, key, value: json[key] },
      `correct "${key}" in config.json, or take the file that belongs to this checkpoint`,
    );
  const value = (key: string): Json | undefined => {
    known.add(key);
    return Object.hasOwn(json, key) ? (json[key] ?? undefined) : undefined;
  };
  const integer = (key: string, fallback?: number, min = 1): number => {
    const found = value(key) ?? fallback;
    if (typeof found === "number" && Number.isSafeInteger(found) && found >= min) return found;
    throw bad(key, `an integer of at least ${min}`);
  };
  return {
    has: (key) => Object.hasOwn(json, key) && json[key] !== null,
    value,
    integer,
    optionalInteger: (key) => (value(key) === undefined ? undefined : integer(key, undefined, 0)),
    number(key, fallback) {
      const found = value(key) ?? fallback;
      if (typeof found === "number" && Number.isFinite(found)) return found;
      throw bad(key, "a number");
    },
    flag(key, fallback) {
      const found = value(key) ?? fallback;
      if (typeof found === "boolean") return found;
      throw bad(key, "true or false");
    },
    choice<T>(key: string, table: Readonly<Record<string, T>>, fallback?: string): T {
      const found = value(key) ?? fallback;
      if (typeof found === "string" && Object.hasOwn(table, found)) return table[found] as T;
      throw bad(key, `one of ${Object.keys(table).join(", ")}`);
    },
    ids(key) {
      const found = value(key);
      const list = found === undefined ? [] : Array.isArray(found) ? found : [found];
      if (list.every((id) => typeof id === "number" && Number.isSafeInteger(id) && id >= 0)) return list as number[];
      throw bad(key, "a token id or a list of token ids");
    },
    only(key, allowed, why) {
      const found = value(key);
      if (found === undefined || allowed.some((each) => JSON.stringify(each) === JSON.stringify(found))) return;
      throw bad(key, `${allowed.map(show).join(" or ")}: ${why}`);
    },
    ignore(...keys) {
      for (const key of keys) known.add(key);
    },
    finish() {
      const unknown = Object.keys(json).filter((key) => !known.has(key));
      if (unknown.length === 0) return;
      const near = unknown.length === 1 ? closest(unknown[0]!, known) : undefined;
      throw new CongError(
        "BAD_CONFIG",
        `config.json: unknown key${unknown.length > 1 ? "s" : ""} ${unknown.map((key) => `"${key}"`).join(", ")} for the family "${family}"`,
        { family, unknown },
        near === undefined
          ? "the key may change what the model computes; remove it only if you know that it does not"
          : `did you mean "${near}"?`,
      );
    },
  };
}

const show = (value: Json | undefined): string => (value === undefined ? "missing" : JSON.stringify(value));
