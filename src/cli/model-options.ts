/** Options of every command that loads a model. */
import { type Command, Option } from "commander";
import { type LoadModelOptions, loadModel, type Model } from "../inference/index.ts";
import { wholeNumber } from "./parse-number.ts";
import { resolveModel } from "./run-folders.ts";

export interface ModelOptions {
  readonly dtype?: LoadModelOptions["dtype"];
  readonly adapter?: string;
  readonly threads?: number;
}

export function withModelOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--dtype <type>", "hold the weights in this type (default: as the folder stores them)").choices([
        "float32",
        "int8",
        "int4",
      ]),
    )
    .option("--adapter <dir>", "folder of a LoRA adapter, a learned prefix or prompt to put on the model")
    .option("--threads <n>", "threads (default: physical cores)", wholeNumber(1));
}

/** Loads the model of a folder or a run (see run-folders.ts), saying so on standard error when it takes long enough to wonder. */
export async function loadModelFor(given: string, { dtype, threads, ...rest }: ModelOptions): Promise<Model> {
  const { folder, adapter } = await resolveModel(given, rest.adapter);
  const notice = setTimeout(() => process.stderr.write(`loading ${folder} …\n`), 1000);
  try {
    return await loadModel(folder, { dtype, adapter, threads });
  } finally {
    clearTimeout(notice);
  }
}
