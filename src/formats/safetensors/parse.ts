/** Safetensors that are already in memory: a download, a test, a message. Files on disk are better read with `open`. */
import { arrayOf, type SafeTensor } from "./dtypes.ts";
import { decodeHeader, decodeHeaderLength, lengthBytes } from "./header.ts";

export interface ParsedSafetensors {
  readonly metadata: Readonly<Record<string, string>>;
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, SafeTensor>;
}

/**
 * Parses a whole file. The data are views of `bytes` where the alignment allows it, else copies.
 * Throws CongError `SAFETENSORS_INVALID` on malformed input; `source` names it in the message.
 */
export function parseSafetensors(bytes: Uint8Array, source = "safetensors bytes"): ParsedSafetensors {
  const headerBytes = decodeHeaderLength(bytes.subarray(0, lengthBytes), bytes.length, source);
  const data = bytes.subarray(lengthBytes + headerBytes);
  const { metadata, entries } = decodeHeader(
    bytes.subarray(lengthBytes, lengthBytes + headerBytes),
    data.length,
    source,
  );
  const tensors = new Map<string, SafeTensor>();
  for (const { name, dtype, shape, start, end } of entries.values()) {
    tensors.set(name, { name, dtype, shape, data: arrayOf(dtype, data.subarray(start, end)) });
  }
  return { metadata, tensors };
}
