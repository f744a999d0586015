/** Every setting of a fine-tuning run. */
import { chatTemplates } from "../../tokenizers/index.ts";
import {
  checkpointSettings,
  dataSettings,
  evaluationSettings,
  sharedSettings,
  updateSettings,
} from "../runs/pretrain-settings.ts";
import { choice, derivedInteger, flag, integer, number, record, text, texts, type ValuesOf } from "../runs/setting.ts";

export const methodNames = ["full", "freeze", "lora", "ptuning-v2", "prompt"] as const;
export type MethodName = (typeof methodNames)[number];

export const sftSettings = {
  model: text("folder of the model to tune"),
  tokenizer: text("folder of its tokenizer; null: the model's own"),
  method: choice(methodNames, "lora", "what is trained"),
  ...sharedSettings,
  data: {
    ...dataSettings,
    template: text("chat template by name, `plain` for prompt and answer without one; null: the model's own", [
      "plain",
      ...Object.keys(chatTemplates),
    ]),
    learn: choice(["all", "last"], "all", "learn every answer of a conversation, or the last"),
    truncate: flag(true, "cut conversations that are too long; otherwise leave them out"),
  },
  freeze: { layers: integer(2, "method freeze: last layers that are trained", { min: 1 }) },
  lora: {
    rank: integer(8, "method lora: r", { min: 1 }),
    alpha: number(16, "scale of the correction is alpha/r", { min: 0 }),
    targets: texts("names of linear layers; none: all but the output"),
    rankStabilized: flag(false, "scale by alpha/√r"),
    dropout: number(0, "share of the input of A that training drops", { min: 0, below: 1 }),
  },
  prefix: {
    tokens: integer(16, "methods ptuning-v2 and prompt: virtual tokens", { min: 1 }),
    projection: derivedInteger("ptuning-v2: hidden channels of a network that makes the prefix; null: none", {
      min: 1,
    }),
  },
  replay: {
    share: number(0, "share of the rows that come from general text, against forgetting", { min: 0, max: 0.9 }),
    files: texts("general text for replay"),
    objective: choice(["causal", "blank-infilling"], "causal", "what is learned from it"),
    options: record("further settings of its objective"),
  },
  training: {
    length: derivedInteger("tokens of a row", { min: 2 }),
    packing: flag(false, "lay conversations end to end in rows"),
    passes: number(3, "passes over the data, where steps are not given", { min: 0 }),
    ...updateSettings,
  },
  evaluation: evaluationSettings,
  checkpoint: checkpointSettings,
} as const;

export type SftSettings = ValuesOf<typeof sftSettings>;
