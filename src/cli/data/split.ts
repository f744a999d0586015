/** `congling data split` */
import { Command, InvalidArgumentError } from "commander";
import { split } from "../../data/index.ts";
import {
  anyNumber,
  byteProgress,
  inputFiles,
  type ReadFlags,
  report,
  withReadOptions,
  withShowOptions,
} from "./inputs.ts";

interface SplitFlags extends ReadFlags {
  readonly output: string;
  readonly shares: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly groupBy?: string;
  readonly stratifyBy?: string;
  readonly gzip?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function splitCommand(): Command {
  const command = new Command("split")
    .description("Split records into parts by the hash of their text.")
    .argument("<files...>", "files, or names of data sets with --registry")
    .requiredOption("-o, --output <FOLDER>", "gets train.jsonl, valid.jsonl, test.jsonl")
    .option("--shares <PAIRS>", "parts and their shares", shares, { train: 0.98, valid: 0.01, test: 0.01 })
    .option("--seed <N>", "another number gives another split", anyNumber, 0)
    .option("--group-by <FIELD>", "keep records together that share this field (an author, a document)")
    .option("--stratify-by <FIELD>", "the stated shares exactly for every value of this field (a class)")
    .option("--gzip", "pack the parts")
    .addHelpText(
      "after",
      `
The same text always falls into the same part, whatever is added later. Remove near duplicates first.

Examples:
  $ congling data split unique.jsonl -o split
  $ congling data split titles.jsonl --shares train=0.8,valid=0.1,test=0.1 --stratify-by label -o split`,
    )
    .action(async (files: string[], flags: SplitFlags) => {
      const { output, shares: parts, seed, groupBy, stratifyBy, gzip = false } = flags;
      const inputs = await inputFiles(files, flags);
      const progress = byteProgress("split", inputs, flags);
      const options = { inputs, folder: output, shares: parts, seed, gzip, progress };
      const by = { ...(groupBy === undefined ? {} : { groupBy }), ...(stratifyBy === undefined ? {} : { stratifyBy }) };
      await report(progress, flags, () => split({ ...options, ...by }), `  written: ${output}\n`);
    });
  return withShowOptions(withReadOptions(command));
}

function shares(text: string): Record<string, number> {
  const pairs = text.split(",").map((pair) => pair.split("="));
  if (pairs.some(([name, value]) => !name || value === undefined || !Number.isFinite(Number(value)))) {
    throw new InvalidArgumentError("wanted pairs such as train=0.9,test=0.1");
  }
  return Object.fromEntries(pairs.map(([name, value]) => [name!, Number(value)]));
}
