/** One safetensors file on disk: header read once, then positional reads of single tensors. Node has no mmap. */
import { type FileHandle, open } from "node:fs/promises";
import { CongError } from "../../support/errors.ts";
import { decodeHeader, decodeHeaderLength, type Header, type HeaderEntry, invalid, lengthBytes } from "./header.ts";

// One read call takes at most 2^31 - 1 bytes.
const largestRead = 1 << 28;

/** An open file with a checked header. The caller closes it. */
export interface OpenSafetensorsFile {
  readonly path: string;
  readonly header: Header;
  /** The bytes of one tensor in a buffer of their own. */
  readBytes(entry: HeaderEntry): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens a file and checks its header. CongError `FILE_READ_FAILED` or `SAFETENSORS_INVALID`. */
export async function openSafetensorsFile(path: string): Promise<OpenSafetensorsFile> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw readError(path, error);
  });
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw invalid(path, undefined, "not a regular file");
    const first = await readExactly(handle, path, 0, Math.min(lengthBytes, info.size));
    const headerBytes = decodeHeaderLength(first, info.size, path);
    const dataStart = lengthBytes + headerBytes;
    const json = await readExactly(handle, path, lengthBytes, headerBytes);
    const header = decodeHeader(json, info.size - dataStart, path);
    return {
      path,
      header,
      readBytes: (entry) => readExactly(handle, path, dataStart + entry.start, entry.end - entry.start, entry.name),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw readError(path, error);
  }
}

async function readExactly(
  handle: FileHandle,
  path: string,
  position: number,
  length: number,
  tensor?: string,
): Promise<Uint8Array> {
  try {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; ) {
      const wanted = Math.min(largestRead, length - offset);
      const { bytesRead } = await handle.read(bytes, offset, wanted, position + offset);
      if (bytesRead === 0) throw invalid(path, tensor, `the file ends ${length - offset} bytes too early`);
      offset += bytesRead;
    }
    return bytes;
  } catch (error) {
    throw readError(path, error);
  }
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
