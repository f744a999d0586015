/** `congling data dedupe` */
import { Command } from "commander";
import { dedupe } from "../../data/index.ts";
import { written } from "./clean.ts";
import {
  anyNumber,
  byteProgress,
  inputFiles,
  type ReadFlags,
  report,
  type WorkFlags,
  wholeNumber,
  withReadOptions,
  withWorkOptions,
  workOptions,
} from "./inputs.ts";

interface DedupeFlags extends ReadFlags, WorkFlags {
  readonly output: string;
  readonly near: boolean;
  readonly threshold: number;
  readonly nearMinimum: number;
  readonly byLine?: boolean;
  readonly lineMinimum: number;
}

export function dedupeCommand(): Command {
  const command = new Command("dedupe")
    .description("Remove exact and near duplicates; of several alike the first stays.")
    .argument("<files...>", "files, or names of data sets with --registry")
    .requiredOption("-o, --output <FILE>", "records that stay (JSON lines; .gz packs them)")
    .option("--no-near", "exact duplicates only")
    .option("--threshold <J>", "least Jaccard similarity of near duplicates", anyNumber, 0.35)
    .option("--near-minimum <N>", "fewest characters from which texts are compared for likeness", wholeNumber, 100)
    .option("--by-line", "also remove lines that stood in an earlier text")
    .option("--line-minimum <N>", "fewest characters of such a line", wholeNumber, 12)
    .addHelpText(
      "after",
      `
Similarity counts shared pairs of Han characters (elsewhere runs of four letters): 0.4 finds texts with about a quarter
of their characters edited, 0.8 those with about 5 %.

Examples:
  $ congling data dedupe clean.jsonl -o unique.jsonl
  $ congling data dedupe a.jsonl b.jsonl.gz --threshold 0.7 --by-line -o unique.jsonl.gz`,
    )
    .action(async (files: string[], flags: DedupeFlags) => {
      const { output, near, threshold, nearMinimum, byLine = false, lineMinimum } = flags;
      const inputs = await inputFiles(files, flags);
      const progress = byteProgress("dedupe", inputs, flags);
      const options = {
        inputs,
        output,
        progress,
        near,
        threshold,
        nearMinimum,
        byLine,
        lineMinimum,
        ...workOptions(flags),
      };
      await report(progress, flags, () => dedupe(options), written(output));
    });
  return withWorkOptions(withReadOptions(command));
}
