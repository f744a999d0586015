/** Positional reads of open files, shared by the formats that read a header first and tensors one by one. */
import type { FileHandle } from "node:fs/promises";
import { CongError } from "../support/errors.ts";

/** One read call takes at most 2^31 − 1 bytes. */
const largestRead = 2 ** 30;

/**
 * `length` bytes from `position` on.
 * @param endsEarly makes the error for a file that has fewer, given how many are missing
 * @param into memory to use, of `length` bytes. Default: fresh
 * @throws CongError `FILE_READ_FAILED`, or that of `endsEarly`
 */
export async function readExactly(
  handle: FileHandle,
  path: string,
  position: number,
  length: number,
  endsEarly: (missing: number) => CongError,
  into?: Uint8Array,
): Promise<Uint8Array> {
  try {
    const bytes = into ?? new Uint8Array(length);
    for (let offset = 0; offset < length; ) {
      const wanted = Math.min(largestRead, length - offset);
      const { bytesRead } = await handle.read(bytes, offset, wanted, position + offset);
      if (bytesRead === 0) throw endsEarly(length - offset);
      offset += bytesRead;
    }
    return bytes;
  } catch (error) {
    throw readError(path, error);
  }
}

/** Our own errors as they are; others as `FILE_READ_FAILED` with the path. */
export function readError(path: string, error: unknown): CongError {
  if (CongError.is(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const hint =
    error instanceof RangeError
      ? "the tensor does not fit in one buffer of this machine"
      : "check the path and that you may read it";
  return new CongError("FILE_READ_FAILED", `cannot read ${path}: ${reason}`, { path, cause: error }, hint);
}
