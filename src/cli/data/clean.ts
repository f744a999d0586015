/** `congling data clean` */
import { Command, Option } from "commander";
import {
  type CleanSettings,
  clean,
  type Language,
  outputPaths,
  type QualityPreset,
  type QualityRules,
  type UnicodeForm,
} from "../../data/index.ts";
import { CongError } from "../../support/index.ts";
import {
  byteProgress,
  inputFiles,
  type ReadFlags,
  report,
  type WorkFlags,
  withReadOptions,
  withWorkOptions,
  workOptions,
} from "./inputs.ts";

interface CleanFlags extends ReadFlags, WorkFlags {
  readonly output: string;
  readonly unicode: UnicodeForm;
  readonly html?: boolean;
  readonly boilerplate?: boolean;
  readonly personal: boolean;
  readonly whitespace: boolean;
  readonly simplify?: boolean;
  readonly quality: QualityPreset | "none";
  readonly rule?: readonly string[];
  readonly language?: readonly Language[];
}

export function cleanCommand(): Command {
  const command = new Command("clean")
    .description("Repair texts and remove what is not worth learning.")
    .argument("<files...>", "files, or names of data sets with --registry")
    .requiredOption("-o, --output <FILE>", "cleaned records (JSON lines; .gz packs them)")
    .addOption(new Option("--unicode <FORM>", "Unicode form").choices(["none", "nfc", "nfkc"]).default("nfc"))
    .option("--simplify", "traditional to simplified characters")
    .addOption(
      new Option("--quality <PRESET>", "quality rules").choices(["none", "light", "answers", "web"]).default("light"),
    )
    .option("--rule <NAME=VALUE...>", "change a rule of the preset, e.g. minimumCharacters=20")
    .addOption(
      new Option("--language <CODE...>", "keep these languages only").choices(["zh", "en", "ja", "ko", "other"]),
    )
    .option("--html", "take out HTML tags and entities; default: of plain texts")
    .option("--no-html", "leave them")
    .option("--boilerplate", "take out lines of navigation and copyright; default: of plain texts")
    .option("--no-boilerplate", "leave them")
    .option("--no-whitespace", "leave spaces and empty lines")
    .option("--no-personal", "do not mask phone, e-mail, identity-card and bank-card numbers")
    .addHelpText(
      "after",
      `
Examples:
  $ congling data clean pages.jsonl.gz --quality web --language zh -o clean.jsonl.gz
  $ congling data clean book.txt --text-unit paragraph --simplify -o book.jsonl
  $ congling data clean reviews.csv --columns text=review -o reviews.jsonl
  $ congling data clean alpaca_zh --registry data/dataset_info.json -o alpaca.jsonl`,
    )
    .action(async (files: string[], flags: CleanFlags) => {
      const { unicode, html, boilerplate, whitespace, personal, simplify = false, quality, language } = flags;
      const inputs = await inputFiles(files, flags);
      const progress = byteProgress("clean", inputs, flags);
      const settings: CleanSettings = {
        ...{ unicode, whitespace, personal, simplify, quality },
        ...(html === undefined ? {} : { html }),
        ...(boilerplate === undefined ? {} : { boilerplate }),
        rules: rulesOf(flags.rule ?? []),
        ...(language === undefined ? {} : { languages: language }),
      };
      const { output } = flags;
      await report(
        progress,
        flags,
        () => clean(settings, { inputs, output, progress, ...workOptions(flags) }),
        written(output),
      );
    });
  return withWorkOptions(withReadOptions(command));
}

/** Where the results are, for the last lines a command prints. */
export function written(output: string): string {
  const { rejected, report: reportPath } = outputPaths(output);
  return `  written: ${output}\n  set aside, with reasons: ${rejected}\n  report: ${reportPath}\n`;
}

function rulesOf(pairs: readonly string[]): Partial<QualityRules> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = "", value = ""] = pair.split("=");
      if (name === "" || value === "" || !Number.isFinite(Number(value))) {
        throw new CongError(
          "BAD_ARGUMENT",
          `--rule ${pair} is not NAME=NUMBER`,
          { pair },
          "for example --rule minimumCharacters=20",
        );
      }
      return [name, Number(value)];
    }),
  );
}
