/** Bytes read by position, from a file or from memory. */
import { open } from "node:fs/promises";
import { readError, readExactly } from "../file-bytes.ts";
import { invalid } from "./errors.ts";

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
      read: async (position, length) => {
        checkRange(path, info.size, position, length);
        return readExactly(handle, path, position, length, (missing) =>
          invalid(path, `the file ends ${missing} bytes too early`),
        );
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function checkRange(name: string, size: number, position: number, length: number): void {
  if (position >= 0 && length >= 0 && Number.isSafeInteger(position + length) && position + length <= size) return;
  throw invalid(name, `bytes ${position} to ${position + length} lie outside its ${size} bytes`);
}
