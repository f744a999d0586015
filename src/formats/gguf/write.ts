/**
 * Writes GGUF files, version 3, little-endian, as llama.cpp reads them. Streams: a tensor is asked for its bytes when its
 * turn comes, so a model is exported in the memory of its largest tensor.
 */
import { CongError } from "../../support/errors.ts";
import { writeFileAtomic } from "../../support/files.ts";
import { alignmentOf, encodeHeader, padded } from "./header.ts";
import type { GgufMetadata, GgufTensorInfo } from "./types.ts";

/** A tensor to write: what it is, and its bytes in the type's own layout (see `formats/blocks`). */
export interface GgufTensorSource extends GgufTensorInfo {
  /** Called once, when the bytes are needed. */
  readonly data: () => Uint8Array | Promise<Uint8Array>;
}

/**
 * Writes a file completely or not at all. Tensors are stored in the given order. CongError `BAD_ARGUMENT` for tensors or
 * metadata that the format cannot hold, or the errors of `writeFileAtomic`.
 */
export async function writeGguf(
  path: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensorSource[],
): Promise<void> {
  await writeFileAtomic(path, chunks(metadata, tensors));
}

/** The whole file in memory, for small ones. */
export async function encodeGguf(metadata: GgufMetadata, tensors: readonly GgufTensorSource[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks(metadata, tensors)) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

async function* chunks(metadata: GgufMetadata, tensors: readonly GgufTensorSource[]): AsyncGenerator<Uint8Array> {
  const { bytes, entries } = encodeHeader(tensors, metadata);
  const alignment = alignmentOf(metadata, "the metadata");
  yield bytes;
  for (const [index, { name, type, shape, start, end }] of entries.entries()) {
    const data = await tensors[index]!.data();
    if (data.length !== end - start) {
      throw new CongError(
        "BAD_ARGUMENT",
        `tensor "${name}": ${type} [${shape.join(", ")}] needs ${end - start} bytes, got ${data.length}`,
        { tensor: name, type, shape, got: data.length, wanted: end - start },
        "the source's shape and its data must agree; nothing was written",
      );
    }
    yield data;
    const gap = padded(end, alignment) - end;
    if (gap > 0) yield new Uint8Array(gap);
  }
}
