/** Bytes read by position, from a file or from memory. */
import { type FileHandle, open } from "node:fs/promises";
import { CongError } from "../../support/errors.ts";
import { invalid } from "./errors.ts";

// One read call takes at most 2^31 - 1 bytes.
const largestRead = 1 << 28;

export interface ByteSource {
  /** What errors call it. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes, in a buffer of their own or a view. The range must lie inside. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Reads from `bytes`; results are views of it. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(position, length) {
      checkRange(name, bytes.length, position, length);
      return bytes.subarray(position, position + length);
    },
    close: async () => {},
  };
}

/** Throws CongError `FILE_READ_FAILED`, or `PICKLE_INVALID` for something that is no regular file. */
export async function fileSource(path: string): Promise<ByteSource> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw readError(path, error);
  });
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw invalid(path, "not a regular file");
    return {
      name: path,
      size: info.size,
      read: (position, length) => readExactly(handle, path, info.size, position, length),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readExactly(
  handle: FileHandle,
  path: string,
  size: number,
  position: number,
  length: number,
): Promise<Uint8Array> {
  checkRange(path, size, position, length);
  try {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; ) {
      const wanted = Math.min(largestRead, length - offset);
      const { bytesRead } = await handle.read(bytes, offset, wanted, position + offset);
      if (bytesRead === 0) throw invalid(path, `the file ends ${length - offset} bytes too early`);
      offset += bytesRead;
    }
    return bytes;
  } catch (error) {
    throw readError(path, error);
  }
}

function checkRange(name: string, size: number, position: number, length: number): void {
  if (position >= 0 && length >= 0 && Number.isSafeInteger(position + length) && position + length <= size) return;
  throw invalid(name, `bytes ${position} to ${position + length} lie outside its ${size} bytes`);
}

function readError(path: string, error: unknown): CongError {
  if (CongError.is(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const hint =
    error instanceof RangeError
      ? "the tensor does not fit in one buffer of this machine"
      : "check the path and that you may read it";
  return new CongError("FILE_READ_FAILED", `cannot read ${path}: ${reason}`, { path, cause: error }, hint);
}
