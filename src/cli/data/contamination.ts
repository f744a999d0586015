/** `congling data contamination` */
import { Command } from "commander";
import { contamination } from "../../data/index.ts";
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

interface ContaminationFlags extends ReadFlags, WorkFlags {
  readonly output: string;
  readonly against: readonly string[];
  readonly threshold: number;
  readonly nearMinimum: number;
}

export function contaminationCommand(): Command {
  const command = new Command("contamination")
    .description("Take out of training files what evaluation files hold.")
    .argument("<files...>", "training files, or names of data sets with --registry")
    .requiredOption("--against <FILE...>", "evaluation files")
    .requiredOption("-o, --output <FILE>", "training records that are clean (JSON lines; .gz packs them)")
    .option("--threshold <J>", "least Jaccard similarity of near duplicates", anyNumber, 0.35)
    .option("--near-minimum <N>", "fewest characters from which texts are compared for likeness", wholeNumber, 100)
    .addHelpText(
      "after",
      `
A training record goes when it shares a run of 13 Han characters or words with an evaluation record (punctuation, spaces
and case apart), or is a near duplicate of one. The file of records set aside says of which. Evaluation files may have any
columns: of a record in no known format all texts are compared. --format, --columns and --registry are of the training files.

Example:
  $ congling data contamination train.jsonl --against test.jsonl cmmlu.jsonl -o train.clean.jsonl`,
    )
    .action(async (files: string[], flags: ContaminationFlags) => {
      const { output, threshold, nearMinimum } = flags;
      const inputs = await inputFiles(files, flags);
      const against = flags.against.map((path) => ({ path }));
      const progress = byteProgress("contamination", inputs, flags);
      const options = { inputs, against, output, threshold, nearMinimum, progress, ...workOptions(flags) };
      await report(progress, flags, () => contamination(options), written(output));
    });
  return withWorkOptions(withReadOptions(command));
}
