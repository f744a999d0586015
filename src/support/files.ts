/**
 * Writing files so that a reader, a crash or a full disk never meets a half-written one.
 *
 * - `writeFileAtomic`: temporary file in the same folder, fsync, rename, fsync of the folder. Until the rename the old
 *   file is untouched; after it the new one is complete.
 * - `stageFile`: the same in two steps, for several files that should appear together.
 * - `replaceFolderAtomic`: the same for a whole folder, such as a checkpoint of several files.
 *
 * POSIX cannot exchange two folders in one portable step, so a crash at the wrong microsecond can leave the previous
 * folder under its `.old-…` name; `recoverFolder` puts it back, and `replaceFolderAtomic` calls it first.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CongError } from "./errors.ts";

/** What a file is made of, in order. Chunks are written before the next one is asked for, so they may be reused. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface StagedFile {
  /** Puts the file in its place, replacing an older one. The folder is not synced: call `syncFolder` afterwards. */
  commit(): Promise<void>;
  /** Removes the temporary file; harmless after `commit`. */
  discard(): Promise<void>;
}

/**
 * Writes a file completely or not at all. On any failure the temporary file is removed, an existing file keeps its
 * bytes, and a CongError says what to do (`DISK_FULL`, `PERMISSION_DENIED`, `PATH_NOT_FOUND`, `FILE_WRITE_FAILED`).
 * A CongError thrown by `chunks` passes through. Keeps the mode of a replaced file and writes through a symbolic link.
 */
export async function writeFileAtomic(path: string, chunks: Chunks): Promise<void> {
  const staged = await stageFile(path, chunks);
  try {
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  await syncFolder(dirname(resolve(path)));
}

/** Writes and syncs a temporary file beside `path`; nothing at `path` changes until `commit`. Errors as above. */
export async function stageFile(path: string, chunks: Chunks): Promise<StagedFile> {
  let temporary: string | undefined;
  try {
    const target = await realpath(path).catch(() => resolve(path));
    const previous = await stat(target).catch(() => undefined);
    temporary = temporaryName(target, "tmp");
    await writeAndSync(temporary, chunks);
    if (previous?.isFile()) await chmod(temporary, previous.mode & 0o777);
    return staged(path, temporary, target);
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => {});
    throw writeError(path, error);
  }
}

/**
 * Replaces the folder `path` by what `fill` writes into the (empty) folder it is given: everything or nothing.
 * Parents are created. If `fill` or the disk fails, the previous folder stays as it was and the new one is removed.
 */
export async function replaceFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const target = resolve(path);
  const temporary = temporaryName(target, "tmp");
  try {
    await mkdir(dirname(target), { recursive: true });
    await recoverFolder(target);
    await mkdir(temporary);
    await fill(temporary);
    await syncTree(temporary);
    await exchange(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw writeError(path, error);
  }
}

/**
 * Undoes an exchange cut short by a crash: when `path` is missing and a `path.old-…` is there, renames it back.
 * Returns whether it did. Readers of checkpoints call it before they conclude that there is none.
 */
export async function recoverFolder(path: string): Promise<boolean> {
  const target = resolve(path);
  if (await exists(target)) return false;
  const siblings = await readdir(dirname(target)).catch(() => []);
  const left = siblings
    .filter((name) => name.startsWith(`${basename(target)}.old-`))
    .map((name) => join(dirname(target), name));
  if (left.length === 0) return false;
  const ages = await Promise.all(left.map(async (name) => ({ name, time: (await stat(name)).mtimeMs })));
  await rename(ages.sort((a, b) => b.time - a.time)[0]!.name, target);
  await syncFolder(dirname(target));
  return true;
}

/** Makes the names inside a folder durable. Does nothing on Windows, which cannot sync a folder. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function staged(path: string, temporary: string, target: string): StagedFile {
  return {
    async commit() {
      try {
        await rename(temporary, target);
      } catch (error) {
        throw writeError(path, error);
      }
    },
    async discard() {
      await rm(temporary, { force: true }).catch(() => {});
    },
  };
}

async function exchange(temporary: string, target: string): Promise<void> {
  const parent = dirname(target);
  if (!(await exists(target))) {
    await rename(temporary, target);
    await syncFolder(parent);
    return;
  }
  const old = temporaryName(target, "old");
  await rename(target, old);
  try {
    await rename(temporary, target);
  } catch (error) {
    await rename(old, target);
    throw error;
  }
  await syncFolder(parent);
  // The new folder is in place: failing to delete the old one must not be reported as a failed write.
  await rm(old, { recursive: true, force: true }).catch(() => {});
}

// One write call takes at most 2^31 - 1 bytes, and huge calls block a thread of the pool for long.
const largestWrite = 1 << 28;

async function writeAndSync(path: string, chunks: Chunks): Promise<void> {
  const handle = await open(path, "wx");
  try {
    for await (const chunk of chunks) {
      for (let offset = 0; offset < chunk.length; ) {
        const { bytesWritten } = await handle.write(chunk, offset, Math.min(largestWrite, chunk.length - offset));
        offset += bytesWritten;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await syncFile(path);
  }
  await syncFolder(folder);
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function temporaryName(target: string, kind: "tmp" | "old"): string {
  return `${target}.${kind}-${process.pid}-${randomBytes(4).toString("hex")}`;
}

const advice: Readonly<Record<string, readonly [code: string, hint: string]>> = {
  ENOSPC: ["DISK_FULL", "the disk is full: free some space or write elsewhere; the previous file is untouched"],
  EDQUOT: ["DISK_FULL", "the disk quota is used up: free some space; the previous file is untouched"],
  EFBIG: ["DISK_FULL", "the file is larger than the file system or `ulimit -f` allows; the previous file is untouched"],
  EACCES: ["PERMISSION_DENIED", "check who owns the folder and whether you may write to it"],
  EPERM: ["PERMISSION_DENIED", "check who owns the folder and whether you may write to it"],
  EROFS: ["PERMISSION_DENIED", "the file system is read-only: write elsewhere"],
  ENOENT: ["PATH_NOT_FOUND", "create the folder first, and check the spelling of the path"],
  ENOTDIR: ["PATH_NOT_FOUND", "a part of the path is a file, not a folder"],
  EEXIST: ["PATH_NOT_FOUND", "a part of the path is a file, not a folder"],
  EISDIR: ["FILE_WRITE_FAILED", "the path is a folder: give the path of a file"],
};

/** What a failed write of `path` says to people; a CongError passes through. */
export function writeError(path: string, error: unknown): CongError {
  if (CongError.is(error)) return error;
  const system = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  const [code, hint] = Object.hasOwn(advice, system)
    ? advice[system]!
    : ["FILE_WRITE_FAILED", "nothing was changed; see the reason above"];
  const reason = error instanceof Error ? error.message : String(error);
  return new CongError(code, `cannot write ${path}: ${reason}`, { path, cause: error }, hint);
}
