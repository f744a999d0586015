/** A fresh model from a run's settings: its `config.json` in the form of the architecture, and random weights. */
import type { HostTensor } from "../../engine/index.ts";
import { initParameters, type JsonObject, type ParameterTree, readModelConfig } from "../../models/index.ts";
import { CongError } from "../../support/errors.ts";
import type { Random } from "../../support/random.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";
import type { Model } from "../objectives/token-loss.ts";
import type { ModelSizes } from "./depth-plan.ts";
import { type PretrainSettings, pretrainSettings } from "./pretrain-settings.ts";

/** `<eop>` ends what a GLM writes, `<|endoftext|>` a text; whatever the tokenizer has. */
export function endIdsOf(tokenizer: Tokenizer): number[] {
  const names = ["<|endoftext|>", "<eop>", "<|user|>", "<|observation|>"];
  const ids = names.flatMap((name) => tokenizer.specialTokens.get(name) ?? []);
  return [...new Set(tokenizer.ids.end === undefined ? ids : [tokenizer.ids.end, ...ids])];
}

/** The family and configuration that the settings describe. Keys of `model.config` win. */
export function modelFromSettings(
  { model }: PretrainSettings,
  { layers, hidden, heads, keyValueHeads, feedForward, context }: ModelSizes,
  tokenizer: Tokenizer,
): Model {
  const ends = endIdsOf(tokenizer);
  const common: JsonObject = {
    model_type: model.type,
    vocab_size: vocabularyRows(tokenizer),
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: feedForward,
    max_position_embeddings: context,
    pad_token_id: tokenizer.ids.pad ?? tokenizer.ids.end ?? null,
  };
  const decoder: JsonObject = {
    num_key_value_heads: keyValueHeads,
    head_dim: Math.floor(hidden / heads),
    rms_norm_eps: 1e-5,
    tie_word_embeddings: model.tied,
    eos_token_id: ends.length === 0 ? null : ends.length === 1 ? ends[0]! : ends,
  };
  const json = model.type === "bert" ? { ...common, architectures: ["BertForMaskedLM"] } : { ...common, ...decoder };
  try {
    return readModelConfig({ ...json, ...(model.config as JsonObject) });
  } catch (error) {
    const isRotary = CongError.is(error) && error.code === "BAD_CONFIG" && "rotating" in error.details;
    if (!isRotary || "head_dim" in model.config) throw error;
    throw oddHeads(hidden, heads, error.details.rotating);
  }
}

/** Nobody who set two numbers should be told about a third that follows from them. */
function oddHeads(hidden: number, heads: number, rotating: unknown): CongError {
  // Heads of a multiple of 4 channels: half of them, which is what a GLM turns, are pairs.
  const fitting = Array.from({ length: hidden }, (_, i) => i + 1).filter((each) => hidden % (4 * each) === 0);
  return new CongError(
    "BAD_SETTING",
    `model.heads is ${heads}: of the ${Math.floor(hidden / heads)} channels of a head (model.hidden is ${hidden}) ${rotating} would rotate, which are no pairs`,
    { hidden, heads, rotating },
    fitting.length === 0
      ? "take a width that is a multiple of 4: --model.hidden"
      : `set --model.heads to one of ${fitting.join(", ")}`,
  );
}

/**
 * The settings that describe a fresh model must not contradict the one a run goes on from, whose files decide. What stands at its
 * default was not asked for.
 * @throws CongError `BAD_SETTING` naming the first that differs
 */
export function checkAgrees({ depth, model }: PretrainSettings, { family, config }: Model): void {
  const json = family.writeConfig(config);
  const { layers, hidden, heads, keyValueHeads, contextLength: context } = config;
  const { feedForward } = config as { readonly feedForward?: number };
  const found = { layers, hidden, heads, keyValueHeads, feedForward, context };
  const pairs: readonly (readonly [key: string, asked: unknown, found: unknown])[] = [
    ["depth", depth, layers],
    ["model.type", model.type === pretrainSettings.model.type.fallback ? null : model.type, json.model_type],
    ...Object.entries(found).map(([key, value]) => [`model.${key}`, model[key as keyof typeof found], value] as const),
    ["model.tied", model.tied ? null : false, json.tie_word_embeddings ?? true],
    ...Object.entries(model.config).map(([key, value]) => [`model.config.${key}`, value, json[key]] as const),
  ];
  const differs = pairs.find(([, asked, own]) => asked !== null && JSON.stringify(asked) !== JSON.stringify(own));
  if (differs === undefined) return;
  const [key, asked, own] = differs;
  throw new CongError(
    "BAD_SETTING",
    `${key} is ${JSON.stringify(asked)}, and the model to go on from (model.from ${model.from}) has ${JSON.stringify(own ?? null)}`,
    { key, asked, found: own },
    `leave --${key} out, or leave --model.from out for a fresh model`,
  );
}

/** Rows of the embedding: the vocabulary, rounded up so that products with it are even. */
const vocabularyRows = ({ vocabularySize }: Tokenizer): number => 64 * Math.ceil(vocabularySize / 64);

/** Random weights, N(0, 0.02²). */
export const freshParameters = ({ family, config }: Model, random: Random): ParameterTree<HostTensor> =>
  initParameters(family.parameters(config), random);
