/** `congling data augment` */
import { readFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { type Augmentation, augment, augmentations } from "../../data/index.ts";
import { written } from "./clean.ts";
import {
  anyNumber,
  byteProgress,
  inputFiles,
  type ReadFlags,
  report,
  settingsError,
  type WorkFlags,
  wholeNumber,
  withReadOptions,
  withWorkOptions,
  workOptions,
} from "./inputs.ts";

interface AugmentFlags extends ReadFlags, WorkFlags {
  readonly output: string;
  readonly operations?: readonly Augmentation[];
  readonly rate: number;
  readonly copies: number;
  readonly synonyms?: string;
  readonly seed: number;
}

export function augmentCommand(): Command {
  const command = new Command("augment")
    .description("Add changed copies of records: words deleted, swapped, inserted, replaced by synonyms.")
    .argument("<files...>", "files, or names of data sets with --registry")
    .requiredOption("-o, --output <FILE>", "records and their copies (JSON lines; .gz packs them)")
    .addOption(
      new Option("--operations <NAME...>", "what to do; one after the other for the copies of a record").choices(
        augmentations,
      ),
    )
    .option("--rate <R>", "share of the words to change", anyNumber, 0.1)
    .option("--copies <N>", "copies a record", wholeNumber, 1)
    .option("--synonyms <FILE>", "groups of synonyms, a group a line; default: a small built-in lexicon of Chinese")
    .option("--seed <N>", "the same seed gives the same copies", anyNumber, 0)
    .addHelpText(
      "after",
      `
Of conversations only the prompts are changed: a changed answer is a wrong one.

Example:
  $ congling data augment titles.jsonl --copies 4 --seed 1 -o more.jsonl`,
    )
    .action(async (files: string[], flags: AugmentFlags) => {
      const { output, operations, rate, copies, seed } = flags;
      const inputs = await inputFiles(files, flags);
      const path = flags.synonyms;
      const synonyms =
        path === undefined
          ? {}
          : {
              synonyms: await readFile(path, "utf8").catch((error: unknown) => {
                throw settingsError(path, error);
              }),
            };
      const settings = { seed, rate, copies, ...synonyms, ...(operations === undefined ? {} : { operations }) };
      const progress = byteProgress("augment", inputs, flags);
      await report(
        progress,
        flags,
        () => augment(settings, { inputs, output, progress, ...workOptions(flags) }),
        written(output),
      );
    });
  return withWorkOptions(withReadOptions(command));
}
