/** metrics.jsonl: one JSON object a line for every step and evaluation, readable while the run goes on. */
import { type FileHandle, open, readFile } from "node:fs/promises";
import { writeFileAtomic } from "../support/files.ts";

export type MetricsRecord = Readonly<Record<string, string | number | boolean | null>>;

/** An open log; it owns a file handle until `close`. */
export interface MetricsLog {
  /** JSON has no NaN: such values become null. */
  write(record: MetricsRecord): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a log for appending. Lines of steps after `lastStep`, and a line cut off by a kill, are removed first: a resumed
 * run writes them again.
 */
export async function openMetricsLog(path: string, lastStep: number): Promise<MetricsLog> {
  const lines = (await readFile(path, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  const kept = lines.filter((line) => (stepOf(line) ?? Infinity) <= lastStep);
  await writeFileAtomic(path, [new TextEncoder().encode(kept.map((line) => `${line}\n`).join(""))]);
  const handle: FileHandle = await open(path, "a");
  return {
    async write(record) {
      await handle.write(`${JSON.stringify(record)}\n`);
    },
    close: () => handle.close(),
  };
}

function stepOf(line: string): number | undefined {
  try {
    const { step } = JSON.parse(line) as { step?: unknown };
    return typeof step === "number" ? step : undefined;
  } catch {
    return undefined;
  }
}
