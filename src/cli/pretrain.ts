/** `congling pretrain`: a language model from text. */
import type { Command } from "commander";
import { type PretrainSettings, pretrain, pretrainSettings } from "../training/index.ts";
import { modelFolderOf, tokenizerFolderOf } from "./run-folders.ts";
import { trainCommand } from "./train-options.ts";

const examples = `
Examples:
  congling tokenizer train --data poems.jsonl.gz --vocabulary 8000 --out runs/tokenizer
  congling pretrain --depth 4 --data poems.jsonl.gz --tokenizer runs/tokenizer --out runs/base --dry-run
  congling pretrain --depth 4 --data poems.jsonl.gz --tokenizer runs/tokenizer --out runs/base --minutes 10
  congling pretrain run.yaml --learningRate 1e-3 --optimizer.beta2 0.99
  congling pretrain --resume runs/base
`;

export const pretrainCommand = (): Command =>
  trainCommand({
    name: "pretrain",
    summary: "train a language model on text: blank infilling, causal or masked",
    examples,
    table: pretrainSettings,
    defaultOut: "runs/pretrain",
    withFolders: withModelFolders,
    run: pretrain,
  });

/** A run stands for the model it made, and for that model's tokenizer. */
async function withModelFolders(settings: PretrainSettings): Promise<PretrainSettings> {
  const { model, tokenizer } = settings;
  return {
    ...settings,
    model: model.from === null ? model : { ...model, from: await modelFolderOf(model.from) },
    tokenizer: tokenizer === null ? null : await tokenizerFolderOf(tokenizer),
  };
}
