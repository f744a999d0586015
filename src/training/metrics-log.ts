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
 * Opens a log for appending. What a run resumed after `lastStep` will write again is removed first: later steps, the
 * evaluation after `lastStep` (a line with a "kind"), and a line cut off by a kill.
 */
export async function openMetricsLog(path: string, lastStep: number): Promise<MetricsLog> {
  const lines = (await readFile(path, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  const kept = lines.filter((line) => staysAt(lastStep, line));
  await writeFileAtomic(path, [new TextEncoder().encode(kept.map((line) => `${line}\n`).join(""))]);
  const handle: FileHandle = await open(path, "a");
  return {
    async write(record) {
      await handle.write(`${JSON.stringify(record)}\n`);
    },
    close: () => handle.close(),
  };
}

function staysAt(lastStep: number, line: string): boolean {
  try {
    const { step, kind } = JSON.parse(line) as { step?: unknown; kind?: unknown };
    return typeof step === "number" && (kind === undefined ? step <= lastStep : step < lastStep);
  } catch {
    return false;
  }
}
