/** Every setting of a pre-training run. Null means: worked out from `depth`, the data or another setting. */

import { optimizers } from "../optimizers/index.ts";
import { schedules } from "../schedules/index.ts";
import type { ValuesOf } from "./setting.ts";
import { choice, derivedInteger, derivedNumber, flag, integer, named, number, record, text, texts } from "./setting.ts";

/** Settings that all kinds of training share. */
export const sharedSettings = {
  out: text("folder of the run"),
  seed: integer(0, "seed of weights, data order and masks", { min: 0, max: 2 ** 32 - 1 }),
  minutes: derivedNumber(
    "wall clock of the whole run, validation and saving included: sets the steps by a calibration",
    { min: 0.05 },
  ),
  engine: choice(["onnxruntime", "reference"], "onnxruntime", "what computes"),
  threads: derivedInteger("threads of the engine; null: the physical cores", { min: 1 }),
} as const;

export const dataSettings = {
  train: texts("files to learn from: text, JSONL, JSON, CSV, each also as .gz"),
  valid: texts("files held out for the validation loss"),
  validShare: number(0.01, "without such files: share of the texts held out, chosen by their hash", {
    min: 0,
    max: 0.5,
  }),
  format: text("record format (text, alpaca, sharegpt, messages, adgen, …); null: found by the fields"),
  textUnit: choice(["line", "paragraph", "document"], "line", "what one text of a .txt file is"),
  shuffleCharacters: integer(2 ** 24, "characters that are shuffled together and held in memory", { min: 1 }),
} as const;

export const evaluationSettings = {
  every: derivedInteger("steps between validations; 0: only at the end", { min: 0 }),
  rows: integer(128, "rows of validation data", { min: 1 }),
  patience: integer(0, "stop after so many validations without a better one, and keep the best; 0: never", { min: 0 }),
} as const;

export const checkpointSettings = {
  every: derivedInteger("steps between checkpoints", { min: 1 }),
  keep: integer(2, "checkpoints kept", { min: 1 }),
} as const;

/** What the update is made of. */
export const updateSettings = {
  batch: derivedInteger("rows of a micro-batch", { min: 1 }),
  accumulate: integer(1, "micro-batches of one update", { min: 1 }),
  steps: derivedInteger("updates in all", { min: 1 }),
  learningRate: derivedNumber("highest learning rate", { min: 0 }),
  minimumLearningRate: derivedNumber("learning rate at the end", { min: 0 }),
  warmupSteps: derivedInteger("steps in which the learning rate rises", { min: 0 }),
  schedule: named({ name: "cosine" }, "learning-rate schedule and its options", Object.keys(schedules)),
  optimizer: named(
    { name: "adamw", beta2: 0.95, weightDecay: 0.1 },
    "optimizer and its options",
    Object.keys(optimizers),
  ),
  dropout: number(0, "share of the channels of embeddings and of each layer's output that training drops", {
    min: 0,
    below: 1,
  }),
  clipNorm: number(1, "largest norm of the gradient; 0: no limit", { min: 0 }),
} as const;

export const pretrainSettings = {
  depth: derivedInteger("the one dial: layers, from which width, batch, learning rate and steps follow; null: 4", {
    min: 1,
    max: 64,
  }),
  ...sharedSettings,
  tokenizer: text("folder of a tokenizer (congling tokenizer train makes one)"),
  data: dataSettings,
  model: {
    from: text("model folder to go on from; null: random weights"),
    type: choice(
      ["glm", "glm4", "llama", "qwen2", "qwen3", "bert"],
      "glm",
      "architecture, as model_type in config.json",
    ),
    layers: derivedInteger("layers", { min: 1 }),
    hidden: derivedInteger("channels", { min: 1 }),
    heads: derivedInteger("attention heads", { min: 1 }),
    keyValueHeads: derivedInteger("heads of keys and values", { min: 1 }),
    feedForward: derivedInteger("channels inside the feed-forward layers", { min: 1 }),
    context: derivedInteger("longest text the model is made for, in tokens", { min: 2 }),
    tied: flag(true, "output layer shares the embedding"),
    config: record("further keys of config.json"),
  },
  objective: {
    name: choice(["blank-infilling", "causal", "masked"], "blank-infilling", "what is learned"),
    ratio: number(0.15, "share of a text that short blanks or masks take", { min: 0.01, max: 0.9 }),
    meanSpan: number(3, "mean length of a short blank in tokens", { min: 1 }),
    token: number(0.5, "share of texts with short blanks", { min: 0 }),
    sentence: number(0.3, "share of texts with blanks for whole sentences", { min: 0 }),
    generation: number(0.2, "share of texts with one long blank", { min: 0 }),
    shortestGeneration: number(0.25, "shortest long blank, as a share of the text", { min: 0, max: 1 }),
    suffixShare: number(0.5, "how often the long blank is the end of the text", { min: 0, max: 1 }),
  },
  training: {
    length: derivedInteger("tokens of a row", { min: 2 }),
    packing: flag(true, "lay texts end to end in rows; otherwise a row each, padded"),
    ...updateSettings,
  },
  evaluation: evaluationSettings,
  checkpoint: checkpointSettings,
} as const;

export type PretrainSettings = ValuesOf<typeof pretrainSettings>;
