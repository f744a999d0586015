/** `congling data mix` */
import { Command } from "commander";
import { mix } from "../../data/index.ts";
import { Progress } from "../../support/index.ts";
import {
  anyNumber,
  inputFiles,
  type ReadFlags,
  report,
  wholeNumber,
  withReadOptions,
  withShowOptions,
} from "./inputs.ts";

interface MixFlags extends ReadFlags {
  readonly output: string;
  readonly temperature: number;
  readonly weights?: readonly number[];
  readonly records?: number;
  readonly maximumEpochs: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function mixCommand(): Command {
  const command = new Command("mix")
    .description("Mix data sets by temperature, evenly interleaved.")
    .argument("<files...>", "one file a data set, or names of data sets with --registry")
    .requiredOption("-o, --output <FILE>", "the mixture (JSON lines; .gz packs it)")
    .option("--temperature <T>", "1: in proportion to the sizes; larger: towards equal shares", anyNumber, 1)
    .option("--weights <NUMBER...>", "a factor on each set's share", (text, earlier: readonly number[] = []) => [
      ...earlier,
      anyNumber(text),
    ])
    .option("--records <N>", "records of the mixture; default: as many as all sets have", wholeNumber)
    .option("--maximum-epochs <N>", "how often a record may come at most", anyNumber, 4)
    .option("--seed <N>", "chooses the records where a set gives a part only", anyNumber, 0)
    .addHelpText(
      "after",
      `
Example:
  $ congling data mix poems.jsonl prose.jsonl code.jsonl --temperature 3 --records 100000 -o mixed.jsonl`,
    )
    .action(async (files: string[], flags: MixFlags) => {
      const { output, temperature, weights, records, maximumEpochs, seed } = flags;
      const inputs = await inputFiles(files, flags);
      const progress = new Progress({
        label: "mix",
        unit: "records",
        silent: flags.quiet === true,
        ...(records === undefined ? {} : { total: records }),
      });
      const optional = {
        ...(weights === undefined ? {} : { weights }),
        ...(records === undefined ? {} : { records }),
      };
      const options = { inputs, output, temperature, maximumEpochs, seed, progress, ...optional };
      await report(progress, flags, () => mix(options), `  written: ${output}\n`);
    });
  return withShowOptions(withReadOptions(command));
}
