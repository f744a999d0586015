/** The options that all data commands share: what to read and how, how to work, how to show the result. */
import { statSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type ColumnMapping,
  datasetEntry,
  type FileType,
  formatNames,
  type InputFile,
  readRegistry,
  reportTable,
  type StepReport,
  type TextUnit,
} from "../../data/index.ts";
import { CongError, Progress } from "../../support/index.ts";

export interface ReadFlags {
  readonly format?: string;
  readonly type?: FileType;
  readonly textUnit?: TextUnit;
  readonly columns?: Readonly<Record<string, string>>;
  readonly registry?: string;
}

export interface WorkFlags {
  readonly threads?: number;
  readonly partSize: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Adds the options that say how files are read. */
export function withReadOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--format <NAME>", "record format; default: found by each record's fields").choices(formatNames),
    )
    .addOption(
      new Option("--type <TYPE>", "file type where the name does not say it").choices([
        "jsonl",
        "json",
        "csv",
        "tsv",
        "text",
      ]),
    )
    .addOption(
      new Option("--text-unit <UNIT>", "what one record of a text file is")
        .choices(["line", "paragraph", "document"])
        .default("line"),
    )
    .option(
      "--columns <PAIRS>",
      "our names of the columns, e.g. text=content or instruction=question,output=answer",
      columnPairs,
    )
    .option("--registry <FILE>", "a dataset_info.json; the arguments are then names of its data sets");
}

/** Adds the options of steps that run in threads. */
export function withWorkOptions(command: Command): Command {
  return withShowOptions(command)
    .option("--threads <N>", "worker threads; default: all physical cores", wholeNumber)
    .option("--part-size <MB>", "input after which a part is finished and need not be done again", wholeNumber, 64);
}

/** Adds the options that say what is printed. */
export function withShowOptions(command: Command): Command {
  return command.option("--json", "print the report as JSON").option("--quiet", "no progress line");
}

/** The files to read, from paths or from names of a registry. */
export async function inputFiles(names: readonly string[], flags: ReadFlags): Promise<InputFile[]> {
  const { format, type, textUnit = "line", columns, registry } = flags;
  const read = { textUnit, ...(type === undefined ? {} : { fileType: type }) };
  if (registry === undefined) {
    const mapping = columns === undefined ? undefined : renaming(columns);
    const parse = { ...(format === undefined ? {} : { format }), ...(mapping === undefined ? {} : { mapping }) };
    return names.map((path) => ({ path, parse, read }));
  }
  const entries = await readRegistry(registry);
  return names.map((name) => {
    const { path, samples, formatting, ranking, columns: own, tags } = datasetEntry(entries, name);
    return {
      path,
      parse: { mapping: { formatting, ranking, columns: own, tags } },
      read,
      ...(samples === undefined ? {} : { limit: samples }),
    };
  });
}

/** `--columns` renames fields and nothing else: the registry's form with names of its own. */
const renaming = (columns: Readonly<Record<string, string>>): ColumnMapping => ({
  formatting: "plain",
  ranking: false,
  columns,
  tags: {},
});

function columnPairs(text: string): Record<string, string> {
  const pairs = text.split(",").map((pair) => pair.split("="));
  if (pairs.some((pair) => pair.length !== 2 || pair.includes(""))) {
    throw new InvalidArgumentError("wanted pairs such as text=content,title=name");
  }
  return Object.fromEntries(pairs);
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("wanted is a whole number above 0.");
  return value;
}

export function anyNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("wanted is a number.");
  return value;
}

/** A progress line that counts bytes and shows megabytes; packed files have no known total. */
export function byteProgress(
  label: string,
  inputs: readonly InputFile[],
  flags: { readonly quiet?: boolean },
): StepProgress {
  const isPacked = inputs.some(({ path }) => path.toLowerCase().endsWith(".gz"));
  const sizes = inputs.map(({ path }) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  const total = megabytes(sizes.reduce((sum, size) => sum + size, 0));
  const line = new Progress({ label, unit: "MB", silent: flags.quiet === true, ...(isPacked ? {} : { total }) });
  return { update: (bytes) => line.update(megabytes(bytes)), finish: () => line.finish() };
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e4) / 100;

/** What steps tell their progress to. */
export interface StepProgress {
  update(done: number): void;
  finish(): void;
}

/** Runs a step under its progress line and prints the report; `files` are the last lines. */
export async function report(
  progress: StepProgress,
  flags: { readonly json?: boolean },
  run: () => Promise<StepReport>,
  files = "",
): Promise<StepReport> {
  let result: StepReport;
  try {
    result = await run();
  } finally {
    progress.finish();
  }
  process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : `${reportTable(result)}\n${files}`);
  return result;
}

/** The step options that come from `withWorkOptions`. */
export const workOptions = ({ threads, partSize }: WorkFlags) => ({
  partBytes: partSize * 2 ** 20,
  ...(threads === undefined ? {} : { threads }),
});

/** The text of a small settings file. */
export function settingsError(path: string, error: unknown): CongError {
  const reason = error instanceof Error ? error.message : String(error);
  return new CongError("BAD_SETTINGS", `cannot read ${path}: ${reason}`, { path }, "wanted is a YAML or JSON file");
}
