/** `congling data label` */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { parse } from "yaml";
import { type AgreementRow, label, labelAgreement, readSchema } from "../../data/index.ts";
import { written } from "./clean.ts";
import {
  byteProgress,
  inputFiles,
  type ReadFlags,
  report,
  settingsError,
  type WorkFlags,
  withReadOptions,
  withWorkOptions,
  workOptions,
} from "./inputs.ts";

interface LabelFlags extends ReadFlags, WorkFlags {
  readonly output: string;
  readonly schema: string;
  readonly gold?: string;
}

export function labelCommand(): Command {
  const command = new Command("label")
    .description("Label records by rules and lexicons, and say how far the labellers agree.")
    .argument("<files...>", "files, or names of data sets with --registry")
    .requiredOption("-o, --output <FILE>", "labelled records (JSON lines; .gz packs them)")
    .requiredOption("--schema <FILE>", "labels and labellers, as YAML or JSON")
    .option("--gold <FIELD>", "a field with the right label, to compare with")
    .addHelpText(
      "after",
      `
A schema:
  labels: [正面, 负面]
  labellers:
    - name: words
      lexicon: {正面: [好, 干净, 热情], 负面: {差: 1, 再也不: 2}}
    - name: rules
      rules:
        - {label: 负面, pattern: "不(好|干净|满意)"}
        - {label: 正面, pattern: "推荐|满意"}

Each record gets its votes and, in the field "label", the majority's label (null at a tie).

Example:
  $ congling data label reviews.csv --columns text=review --schema mood.yaml --gold label -o labelled.jsonl`,
    )
    .action(async (files: string[], flags: LabelFlags) => {
      const { output, gold } = flags;
      const text = await readFile(flags.schema, "utf8").catch((error: unknown) => {
        throw settingsError(flags.schema, error);
      });
      const parsed = readSchema(readYaml(flags.schema, text));
      // The gold label must not be written over by ours.
      const schema = gold === parsed.field ? { ...parsed, field: `${parsed.field}_majority` } : parsed;
      const inputs = await inputFiles(files, flags);
      const progress = byteProgress("label", inputs, flags);
      await report(
        progress,
        flags,
        () => label(schema, { inputs, output, progress, ...workOptions(flags) }),
        written(output),
      );
      const rows = await labelAgreement({ path: output }, schema, gold);
      process.stdout.write(flags.json ? `${JSON.stringify(rows)}\n` : agreementTable(rows));
    });
  return withWorkOptions(withReadOptions(command));
}

function readYaml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw settingsError(path, error);
  }
}

function agreementTable(rows: readonly AgreementRow[]): string {
  const lines = rows.map(({ pair, records, agreement, kappa }) => {
    const share = Number.isNaN(agreement) ? "–" : `${(100 * agreement).toFixed(1)} %`;
    return `    kappa ${Number.isNaN(kappa) ? "–" : kappa.toFixed(3)}  agreement ${share}  records ${records}  ${pair}`;
  });
  return ["  agreement", ...lines, ""].join("\n");
}
