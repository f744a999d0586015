/** The checkpoints of one run: "checkpoint-STEP" folders inside the run's folder, of which the last few are kept. */
import { randomBytes } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { recoverFolder } from "../support/files.ts";

export interface FoundCheckpoint {
  readonly step: number;
  readonly folder: string;
}

const pattern = /^checkpoint-(\d+)(?:\.(tmp|old)-(\d+)-[0-9a-f]+)?$/;

export const checkpointPath = (run: string, step: number): string => join(run, `checkpoint-${step}`);

/** The complete checkpoints of a run, oldest first; none when the folder does not exist. */
export async function findCheckpoints(run: string): Promise<FoundCheckpoint[]> {
  const names = await readdir(run).catch(() => []);
  const steps = new Set<number>();
  for (const name of names) {
    const [, step, kind] = pattern.exec(name) ?? [];
    if (step === undefined || kind === "tmp") continue;
    // A kill between two renames leaves only the ".old-" folder.
    if (kind === "old") await recoverFolder(checkpointPath(run, Number(step)));
    steps.add(Number(step));
  }
  return [...steps].sort((a, b) => a - b).map((step) => ({ step, folder: checkpointPath(run, step) }));
}

/**
 * Deletes all but the last `keep` checkpoints, called after a new one is safely in its place. Each is renamed first: a
 * kill half way through must not leave something that looks like a checkpoint.
 */
export async function pruneCheckpoints(run: string, keep: number): Promise<void> {
  const found = await findCheckpoints(run);
  for (const { folder } of found.slice(0, Math.max(0, found.length - keep))) {
    const doomed = `${folder}.tmp-${process.pid}-${randomBytes(4).toString("hex")}`;
    await rename(folder, doomed);
    await rm(doomed, { recursive: true, force: true });
  }
}

/** What support/files.ts writes beside a file or folder until it is complete. */
const temporary = /^(.+)\.(tmp|old)-(\d+)-[0-9a-f]+$/;

/** Deletes what killed processes were writing, checkpoints and other files; those of processes still alive stay. */
export async function removeLeftovers(run: string): Promise<void> {
  for (const name of await readdir(run).catch(() => [])) {
    const [, whole, kind, pid] = temporary.exec(name) ?? [];
    if (whole === undefined || isAlive(Number(pid))) continue;
    if (kind === "old") await recoverFolder(join(run, whole));
    await rm(join(run, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists, but belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
