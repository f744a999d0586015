/** `congling data …`: the commands of the data pipeline. */
import { Command } from "commander";
import { augmentCommand } from "./data/augment.ts";
import { cleanCommand } from "./data/clean.ts";
import { contaminationCommand } from "./data/contamination.ts";
import { dedupeCommand } from "./data/dedupe.ts";
import { fetchCommand } from "./data/fetch.ts";
import { labelCommand } from "./data/label.ts";
import { mixCommand } from "./data/mix.ts";
import { previewCommand } from "./data/preview.ts";
import { splitCommand } from "./data/split.ts";

export function dataCommand(): Command {
  const data = new Command("data")
    .description("Prepare text for training. Every command streams and reports what it removed and why.")
    .addHelpText(
      "after",
      `
From raw text to training files:
  $ congling data fetch chinese-poetry -o raw
  $ congling data clean raw/*.jsonl --simplify -o work/clean.jsonl
  $ congling data dedupe work/clean.jsonl -o work/unique.jsonl
  $ congling data split work/unique.jsonl -o work/split
  $ congling data contamination work/split/train.jsonl --against work/split/test.jsonl -o work/train.jsonl

clean, dedupe, augment, label and contamination work in threads; interrupted and run again, they go on where they were.
split, mix and fetch start over. Outputs appear when they are whole.

Files: .jsonl .json .csv .tsv .txt, each also with .gz. Records: text, alpaca, sharegpt, messages, preference
(prompt/chosen/rejected), adgen (content/summary); found by their fields, or named with --format.`,
    );
  const commands = [
    fetchCommand(),
    cleanCommand(),
    dedupeCommand(),
    augmentCommand(),
    labelCommand(),
    splitCommand(),
    mixCommand(),
    contaminationCommand(),
    previewCommand(),
  ];
  for (const command of commands) data.addCommand(command.exitOverride().showHelpAfterError("(see --help)"));
  return data.exitOverride();
}
