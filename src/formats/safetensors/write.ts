/**
 * Writes safetensors files byte for byte as the reference library does: tensors by alignment and name, JSON without
 * spaces, padded with spaces to eight bytes. Streams: a lazy tensor is asked for its data only when its turn comes, so a
 * checkpoint can be converted in the memory of its largest tensor.
 */

import { dirname, resolve } from "node:path";
import { type StagedFile, stageFile, syncFolder } from "../../support/files.ts";
import { bytesOf, type SafeArray, type SafeDtype, type SafeTensor, type SafeTensorInfo } from "./dtypes.ts";
import { encodeHeader } from "./header.ts";

/** A tensor to write. `data` may be a function, called once when the bytes are needed. */
export interface TensorSource<D extends SafeDtype = SafeDtype> extends SafeTensorInfo<D> {
  readonly data: SafeArray<D> | (() => SafeArray<D> | Promise<SafeArray<D>>);
}

export interface WriteOptions {
  /** Free text kept in the header; Hugging Face expects `{ format: "pt" }` in model files. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a file completely or not at all (see `writeFileAtomic`). Throws CongError `BAD_ARGUMENT` for a tensor that
 * cannot be written (repeated name, shape and data that disagree), or the errors of `writeFileAtomic`.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorSource>,
  options: WriteOptions = {},
): Promise<void> {
  const staged = await stageSafetensors(path, tensors, options);
  try {
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  await syncFolder(dirname(resolve(path)));
}

/** The whole file in memory. Lazy tensors are not accepted here. */
export function encodeSafetensors(tensors: Iterable<SafeTensor>, options: WriteOptions = {}): Uint8Array {
  const byName = new Map<string, SafeTensor>();
  const list = [...tensors];
  for (const tensor of list) byName.set(tensor.name, tensor);
  const { bytes, entries } = encodeHeader(list, options.metadata, "safetensors bytes");
  const whole = new Uint8Array(bytes.length + (entries.at(-1)?.end ?? 0));
  whole.set(bytes);
  for (const { name, start } of entries) whole.set(bytesOf(byName.get(name)!), bytes.length + start);
  return whole;
}

/** Writes beside `path` without touching it; for several files that should appear together. */
export async function stageSafetensors(
  path: string,
  tensors: Iterable<TensorSource>,
  options: WriteOptions = {},
): Promise<StagedFile> {
  const list = [...tensors];
  const { bytes, entries } = encodeHeader(list, options.metadata, path);
  const byName = new Map(list.map((tensor) => [tensor.name, tensor]));
  async function* chunks() {
    yield bytes;
    for (const { name } of entries) {
      const { dtype, shape, data } = byName.get(name)!;
      yield bytesOf({ name, dtype, shape, data: typeof data === "function" ? await data() : data });
    }
  }
  return stageFile(path, chunks());
}
