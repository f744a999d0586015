/** What every benchmark prints: one JSON object on one line of standard output; progress goes to standard error. */
import { cpus, totalmem } from "node:os";
import { physicalCores } from "../src/engine/backends/onnxruntime/index.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  readonly platform: string;
}

/** A row of results; its fields belong to the benchmark. */
export type Row = Readonly<Record<string, unknown>>;

export interface Benchmark {
  readonly summary: string;
  /** Options as shown by --help. */
  readonly options: string;
  run(options: ReadonlyMap<string, string>): Promise<Row[]>;
}

/** `--threads`, for settings of training; null where it is not given: one for each physical core. */
export const threadsOf = (options: ReadonlyMap<string, string>): number | null =>
  options.has("threads") ? Number(options.get("threads")) : null;

export const machine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: physicalCores(),
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
});

export const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Highest resident memory of this process so far, in MB. */
export const peakRssMb = (): number => Math.round(process.resourceUsage().maxRSS / 1024);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Rows as an aligned table for people. */
export function table(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((key) =>
    rows.some((row) => typeof row[key] !== "object"),
  );
  const cell = (value: unknown): string =>
    typeof value === "number"
      ? String(Number(value.toPrecision(4)))
      : value === undefined || value === null
        ? ""
        : String(value);
  const lines = [columns, ...rows.map((row) => columns.map((key) => cell(row[key])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `--name value` and `--flag` pairs of a command line. */
export function readOptions(args: readonly string[]): Map<string, string> {
  const options = new Map<string, string>();
  args.forEach((arg, i) => {
    if (!arg.startsWith("--")) return;
    const next = args[i + 1];
    options.set(arg.slice(2), next === undefined || next.startsWith("--") ? "true" : next);
  });
  return options;
}
