/**
 * The vocabulary inside a GGUF file. llama.cpp will not load a model without one, so a model that has no tokenizer gets a
 * made-up vocabulary: every id has a text, and no text means anything.
 */
import { type GgufValue, ggufValue } from "../../formats/index.ts";
import type { ModelConfig } from "../../models/index.ts";
import { CongError } from "../../support/index.ts";

const { bool, float32s, int32s, text, texts, uint32 } = ggufValue;

/** llama.cpp's kinds of tokens. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export type GgufTokenType = keyof typeof tokenTypes;

export interface GgufToken {
  readonly text: string;
  readonly type: GgufTokenType;
  /** SentencePiece score; for "llama" vocabularies. */
  readonly score?: number;
}

/** A tokenizer as llama.cpp stores it. */
export interface GgufVocabulary {
  /** "gpt2" is byte-level BPE with merges, "llama" is SentencePiece BPE with scores. */
  readonly model: "gpt2" | "llama";
  /** The pre-tokenizer by llama.cpp's name ("glm4", "qwen2", "llama-bpe", …). */
  readonly pre: string;
  /** By id. May be shorter than the model's embedding; the rest becomes unused tokens. */
  readonly tokens: readonly GgufToken[];
  /** "a b" pairs in order of rank; for "gpt2". */
  readonly merges?: readonly string[];
  readonly ids: {
    readonly begin?: number | undefined;
    readonly end?: number | undefined;
    readonly endOfTurn?: number | undefined;
    readonly unknown?: number | undefined;
    readonly pad?: number | undefined;
  };
  /** Whether llama.cpp puts the begin token before a text. Default false. */
  readonly addsBegin?: boolean;
  /** Whether a space goes before a text; for "llama". Default: llama.cpp's, which is to put one. */
  readonly addsSpacePrefix?: boolean;
  /** Jinja source of the chat template. */
  readonly chatTemplate?: string | undefined;
}

/** A vocabulary for a model that has none: <unk>, <s>, </s>, the 256 bytes where there is room, then numbered words. */
export function syntheticVocabulary({ vocabulary, endIds, beginId, padId }: ModelConfig): GgufVocabulary {
  const special = new Set([...endIds, beginId, padId].filter((id) => id !== undefined));
  const tokens = Array.from({ length: vocabulary }, (_, id): GgufToken => {
    if (id === 0) return { text: "<unk>", type: "unknown", score: 0 };
    if (id <= 2) return { text: ["<s>", "</s>"][id - 1]!, type: "control", score: 0 };
    if (special.has(id)) return { text: `<special ${id}>`, type: "control", score: 0 };
    if (vocabulary >= 259 && id < 259) return { text: byteText(id - 3), type: "byte", score: 0 };
    return { text: `▁word${id}`, type: "normal", score: -id };
  });
  const [end, endOfTurn] = endIds;
  return { model: "llama", pre: "default", tokens, ids: { begin: beginId, end, endOfTurn, unknown: 0, pad: padId } };
}

/** Metadata of a vocabulary for an embedding of `rows` tokens. CongError `VOCABULARY_MISMATCH`. */
export function vocabularyMetadata(vocabulary: GgufVocabulary, rows: number): [string, GgufValue][] {
  const { model, pre, tokens, merges, ids, addsBegin = false, addsSpacePrefix, chatTemplate } = vocabulary;
  checkSizes(vocabulary, rows);
  const padded = Array.from(
    { length: rows },
    (_, id): GgufToken => tokens[id] ?? { text: `[PAD${id}]`, type: "unused", score: 0 },
  );
  const numbered: [string, number | undefined][] = [
    ["bos", ids.begin],
    ["eos", ids.end],
    ["eot", ids.endOfTurn],
    ["unknown", ids.unknown],
    ["padding", ids.pad],
  ];
  return [
    ["tokenizer.ggml.model", text(model)],
    ["tokenizer.ggml.pre", text(pre)],
    ["tokenizer.ggml.tokens", texts(padded.map((token) => token.text))],
    ["tokenizer.ggml.token_type", int32s(Int32Array.from(padded, (token) => tokenTypes[token.type]))],
    ...(model === "llama"
      ? [entry("tokenizer.ggml.scores", float32s(Float32Array.from(padded, (token) => token.score ?? 0)))]
      : [entry("tokenizer.ggml.merges", texts(merges ?? []))]),
    ...numbered.flatMap(([name, id]) =>
      id === undefined ? [] : [entry(`tokenizer.ggml.${name}_token_id`, uint32(id))],
    ),
    ["tokenizer.ggml.add_bos_token", bool(addsBegin)],
    ...(addsSpacePrefix === undefined ? [] : [entry("tokenizer.ggml.add_space_prefix", bool(addsSpacePrefix))]),
    ...(chatTemplate === undefined ? [] : [entry("tokenizer.chat_template", text(chatTemplate))]),
  ];
}

/** How SentencePiece spells a byte. */
export const byteText = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

const entry = (key: string, value: GgufValue): [string, GgufValue] => [key, value];

function checkSizes({ model, tokens, merges, ids }: GgufVocabulary, rows: number): void {
  const mismatch = (what: string, hint: string) =>
    new CongError("VOCABULARY_MISMATCH", `GGUF vocabulary: ${what}`, {}, hint);
  if (tokens.length > rows) {
    throw mismatch(
      `${tokens.length} tokens, the model's embedding has ${rows} rows`,
      "the tokenizer belongs to another model",
    );
  }
  for (const [name, id] of Object.entries(ids)) {
    if (id !== undefined && !(id >= 0 && id < rows)) {
      throw mismatch(
        `the ${name} token is ${id}, the model has ids 0 to ${rows - 1}`,
        "check the tokenizer's special ids",
      );
    }
  }
  if (model === "gpt2" && merges === undefined) {
    throw mismatch('a "gpt2" vocabulary without merges', "llama.cpp merges by rank: pass `merges`");
  }
  const seen = new Set(tokens.map((token) => token.text));
  if (seen.size < tokens.length) {
    throw mismatch(`${tokens.length - seen.size} token texts occur twice`, "every id needs a text of its own");
  }
}
