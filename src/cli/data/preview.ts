/** `congling data preview` */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { previewRecord, readRecords, renderPreview } from "../../data/index.ts";
import { CongError } from "../../support/index.ts";
import { chatTemplates, loadTokenizer } from "../../tokenizers/index.ts";
import { inputFiles, type ReadFlags, settingsError, wholeNumber, withReadOptions } from "./inputs.ts";

interface PreviewFlags extends ReadFlags {
  readonly tokenizer: string;
  readonly template?: string;
  readonly count: number;
  readonly skip?: number;
  readonly color?: boolean;
  readonly json?: boolean;
}

export function previewCommand(): Command {
  const command = new Command("preview")
    .description(
      "Show records as the model will see them: after the template, decoded, what it learns to write in colour.",
    )
    .argument("<files...>", "files, or names of data sets with --registry")
    .requiredOption("--tokenizer <PATH>", "a model folder or tokenizer file")
    .option(
      "--template <NAME>",
      `a generation (${Object.keys(chatTemplates).join(", ")}) or a Jinja file; default: the tokenizer's own`,
    )
    .option("-n, --count <N>", "how many records", wholeNumber, 1)
    .option("--skip <N>", "leave out so many first", wholeNumber)
    .option("--color", "colours even when the output is no terminal")
    .option("--no-color", "brackets ⟦…⟧ instead of colours")
    .option("--json", "print the spans as JSON lines")
    .addHelpText(
      "after",
      `
Example:
  $ congling data preview alpaca.jsonl --tokenizer models/glm-4-9b-chat -n 2`,
    )
    .action(async (files: string[], flags: PreviewFlags) => {
      const tokenizer = await loadTokenizer(flags.tokenizer);
      const template = await readTemplate(flags.template);
      const hasColors = flags.color ?? (process.stdout.isTTY === true && process.env.NO_COLOR === undefined);
      let left = flags.count;
      let skip = flags.skip ?? 0;
      let bad = 0;
      const inputs = await inputFiles(files, flags);
      for await (const record of readRecords(inputs, undefined, () => void bad++)) {
        if (skip-- > 0) continue;
        for (const preview of previewRecord(record, tokenizer, template)) {
          const { file, line } = record;
          process.stdout.write(
            flags.json
              ? `${JSON.stringify({ file, line, ...preview })}\n`
              : `── ${file}:${line} (${record.format.name}) ── ${renderPreview(preview, hasColors)}\n`,
          );
        }
        if (--left === 0) break;
      }
      if (left === flags.count) {
        const what = bad > 0 ? `none of the ${bad} lines read is a record` : "there is no record to show";
        throw new CongError(
          "NO_RECORDS",
          `preview: ${what}`,
          { files },
          "congling data clean says what is wrong with each line",
        );
      }
    });
  return withReadOptions(command);
}

/** The name of a generation as it is, or the text of a Jinja file. */
async function readTemplate(given: string | undefined): Promise<string | undefined> {
  if (given === undefined || Object.hasOwn(chatTemplates, given) || !/[./\\]/.test(given)) return given;
  return readFile(given, "utf8").catch((error: unknown) => {
    throw settingsError(given, error);
  });
}
