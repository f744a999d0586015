/** `congling sft`: a model that follows instructions, or an adapter for one. */
import type { Command } from "commander";
import { type SftSettings, sft, sftSettings } from "../training/index.ts";
import { modelFolderOf } from "./run-folders.ts";
import { trainCommand } from "./train-options.ts";

const examples = `
Examples:
  congling sft --model runs/base/model --data chats.jsonl --method full --out runs/sft
  congling sft --model runs/base/model --data chats.jsonl --method lora --lora.rank 16 --out runs/lora --dry-run
  congling sft --model runs/base/model --data adgen.jsonl.gz --method ptuning-v2 --prefix.tokens 64 --out runs/prefix
  congling sft run.yaml --replay.share 0.2 --replay.files poems.jsonl.gz
  congling sft --resume runs/sft
`;

export const sftCommand = (): Command =>
  trainCommand({
    name: "sft",
    summary: "fine-tune a model on conversations: full, freeze, lora, ptuning-v2 or prompt",
    examples,
    table: sftSettings,
    defaultOut: "runs/sft",
    withFolders: withModelFolders,
    run: sft,
  });

/** A run stands for the model it made. */
async function withModelFolders(settings: SftSettings): Promise<SftSettings> {
  const { model } = settings;
  return model === null ? settings : { ...settings, model: await modelFolderOf(model) };
}
