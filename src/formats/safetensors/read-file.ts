/** One safetensors file on disk: header read once, then positional reads of single tensors. Node has no mmap. */
import { open } from "node:fs/promises";
import { readError, readExactly } from "../file-bytes.ts";
import { decodeHeader, decodeHeaderLength, type Header, type HeaderEntry, invalid, lengthBytes } from "./header.ts";

/** An open file with a checked header. The caller closes it. */
export interface OpenSafetensorsFile {
  readonly path: string;
  readonly header: Header;
  /** The bytes of one tensor in a buffer of their own. */
  readBytes(entry: HeaderEntry): Promise<Uint8Array>;
  /** As many bytes of a tensor as `into` has, from byte `from` of the tensor on; they must lie inside it. */
  readPart(entry: HeaderEntry, from: number, into: Uint8Array): Promise<Uint8Array>;
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
    const read = (position: number, length: number, tensor?: string, into?: Uint8Array) =>
      readExactly(
        handle,
        path,
        position,
        length,
        (missing) => invalid(path, tensor, `the file ends ${missing} bytes too early`),
        into,
      );
    const first = await read(0, Math.min(lengthBytes, info.size));
    const headerBytes = decodeHeaderLength(first, info.size, path);
    const dataStart = lengthBytes + headerBytes;
    const json = await read(lengthBytes, headerBytes);
    const header = decodeHeader(json, info.size - dataStart, path);
    return {
      path,
      header,
      readBytes: (entry) => read(dataStart + entry.start, entry.end - entry.start, entry.name),
      readPart: (entry, from, into) => read(dataStart + entry.start + from, into.length, entry.name, into),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw readError(path, error);
  }
}
