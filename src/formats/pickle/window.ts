/** Tensors as windows on storages: which bytes one needs, and its elements in row-major order. */
import { byteLengthOf, type SafeDtype } from "../safetensors/index.ts";
import { invalid, quote } from "./errors.ts";
import type { TensorReference } from "./values.ts";

// A window may show elements of its storage several times (torch.expand); a hostile one could so ask for terabytes.
const largestExpansion = 1 << 24;

/** Bytes of a storage that hold a tensor, relative to the storage's start. */
export interface Window {
  readonly start: number;
  readonly bytes: number;
  readonly elementBytes: number;
  /** The bytes are the elements, already in order. */
  readonly isContiguous: boolean;
}

export const elementBytesOf = (dtype: SafeDtype): number => byteLengthOf(dtype, [1])!;

/** Checks a tensor against the bytes its storage really has. */
export function windowOf(file: string, name: string, tensor: TensorReference, storageBytes: number): Window {
  const { dtype, offset, shape, strides, storage } = tensor;
  const elementBytes = elementBytesOf(dtype);
  const stated = storage.elements * (storage.dtype === undefined ? 1 : elementBytesOf(storage.dtype));
  if (!(stated <= storageBytes)) {
    throw invalid(file, `the storage of ${quote(name)} shall have ${stated} bytes, but has ${storageBytes}`);
  }
  const bytes = byteLengthOf(dtype, shape);
  if (bytes === undefined) throw invalid(file, `${quote(name)} has the impossible shape [${shape.join(", ")}]`);
  if (bytes === 0) return { start: 0, bytes: 0, elementBytes, isContiguous: true };
  const last = shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, offset);
  const end = (last + 1) * elementBytes;
  if (!(end <= stated)) {
    throw invalid(file, `${quote(name)} reaches to byte ${end} of a storage of ${stated} bytes`);
  }
  if (bytes > Math.max(stated, largestExpansion)) {
    throw invalid(file, `${quote(name)} repeats a storage of ${stated} bytes up to ${bytes} bytes`);
  }
  const start = offset * elementBytes;
  return { start, bytes: end - start, elementBytes, isContiguous: isContiguous(shape, strides) };
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    // The stride of a size of one is never used.
    if (shape[i] !== 1 && strides[i] !== step) return false;
    step *= shape[i]!;
  }
  return true;
}

/** The elements of a strided tensor, row-major. `bytes` are those of its window. */
export function gather({ shape, strides }: TensorReference, { elementBytes }: Window, bytes: Uint8Array): Uint8Array {
  const source = wordsOf(bytes, elementBytes);
  const count = shape.reduce((product, size) => product * size, 1);
  const target = wordsOf(new Uint8Array(count * elementBytes), elementBytes);
  const [inner, step] = [shape.at(-1) ?? 1, strides.at(-1) ?? 0];
  const position = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let at = 0; at < count; at += inner) {
    for (let i = 0; i < inner; i++) target[at + i] = source[from + i * step]!;
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++position[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      position[axis] = 0;
    }
  }
  return new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
}

/** Elements as numbers of their size; only copied, never computed with. */
function wordsOf(bytes: Uint8Array, size: number): Uint32Array {
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[size]!;
  // One type for the four, which are indexed alike.
  return new words(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / size) as unknown as Uint32Array;
}
