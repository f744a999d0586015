/**
 * The element types of a safetensors file and how each appears in memory.
 *
 * The order is the reference library's (safetensors 0.8): increasing alignment, which decides the order in a file.
 * Types without a JavaScript array (8-bit, 6-bit and 4-bit floats, complex) are carried as raw bytes.
 */
import { CongError } from "../../support/errors.ts";

interface DtypeRow {
  /** Bits of one element. */
  readonly bits: number;
  /** Bytes to typed array, or undefined for raw bytes. The buffer offset must be a multiple of the element size. */
  readonly view: (buffer: ArrayBufferLike, offset: number, bytes: number) => ArrayBufferView;
}

const raw = (buffer: ArrayBufferLike, offset: number, bytes: number) => new Uint8Array(buffer, offset, bytes);

const rows = {
  BOOL: { bits: 8, view: raw },
  F4: { bits: 4, view: raw },
  F6_E2M3: { bits: 6, view: raw },
  F6_E3M2: { bits: 6, view: raw },
  U8: { bits: 8, view: raw },
  I8: { bits: 8, view: (buffer, offset, bytes) => new Int8Array(buffer, offset, bytes) },
  F8_E5M2: { bits: 8, view: raw },
  F8_E4M3: { bits: 8, view: raw },
  F8_E8M0: { bits: 8, view: raw },
  F8_E4M3FNUZ: { bits: 8, view: raw },
  F8_E5M2FNUZ: { bits: 8, view: raw },
  I16: { bits: 16, view: (buffer, offset, bytes) => new Int16Array(buffer, offset, bytes / 2) },
  U16: { bits: 16, view: (buffer, offset, bytes) => new Uint16Array(buffer, offset, bytes / 2) },
  F16: { bits: 16, view: (buffer, offset, bytes) => new Uint16Array(buffer, offset, bytes / 2) },
  BF16: { bits: 16, view: (buffer, offset, bytes) => new Uint16Array(buffer, offset, bytes / 2) },
  I32: { bits: 32, view: (buffer, offset, bytes) => new Int32Array(buffer, offset, bytes / 4) },
  U32: { bits: 32, view: (buffer, offset, bytes) => new Uint32Array(buffer, offset, bytes / 4) },
  F32: { bits: 32, view: (buffer, offset, bytes) => new Float32Array(buffer, offset, bytes / 4) },
  C64: { bits: 64, view: raw },
  F64: { bits: 64, view: (buffer, offset, bytes) => new Float64Array(buffer, offset, bytes / 8) },
  I64: { bits: 64, view: (buffer, offset, bytes) => new BigInt64Array(buffer, offset, bytes / 8) },
  U64: { bits: 64, view: (buffer, offset, bytes) => new BigUint64Array(buffer, offset, bytes / 8) },
} satisfies Record<string, DtypeRow>;

/** Name of an element type as the file spells it. */
export type SafeDtype = keyof typeof rows;

/** The typed array of a dtype: F16 and BF16 are bits in a Uint16Array, BOOL is 0 or 1 in a Uint8Array. */
export type SafeArray<D extends SafeDtype = SafeDtype> = ReturnType<(typeof rows)[D]["view"]>;

/** What a file says about one tensor. */
export interface SafeTensorInfo<D extends SafeDtype = SafeDtype> {
  readonly name: string;
  readonly dtype: D;
  /** Row-major; `[]` is a scalar. */
  readonly shape: readonly number[];
}

/** A tensor with its elements in row-major order. */
export interface SafeTensor<D extends SafeDtype = SafeDtype> extends SafeTensorInfo<D> {
  readonly data: SafeArray<D>;
}

/** All dtype names, in order of increasing alignment. */
export const safeDtypes = Object.keys(rows) as readonly SafeDtype[];

const rank = new Map<string, number>(safeDtypes.map((dtype, index) => [dtype, index]));

export function isSafeDtype(name: string): name is SafeDtype {
  return rank.has(name);
}

/** Negative when `a` comes before `b` in the reference order. */
export function compareDtypes(a: SafeDtype, b: SafeDtype): number {
  return rank.get(a)! - rank.get(b)!;
}

export function bitsOf(dtype: SafeDtype): number {
  return rows[dtype].bits;
}

/**
 * Bytes of a tensor, or undefined when the shape has a negative or fractional size, when its bytes cannot be counted
 * exactly (2^53 and more), or when sub-byte elements do not fill the last byte. As in the reference, an overflow
 * before a zero dimension counts.
 */
export function byteLengthOf(dtype: SafeDtype, shape: readonly number[]): number | undefined {
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(elements)) return undefined;
  }
  const bytes = (elements * bitsOf(dtype)) / 8;
  return Number.isSafeInteger(bytes) && Number.isSafeInteger(elements * bitsOf(dtype)) ? bytes : undefined;
}

/** Typed array over `bytes`: a view where the alignment allows it, else a copy. */
export function arrayOf(dtype: SafeDtype, bytes: Uint8Array): SafeArray {
  // Not bytes.slice(): on a Buffer that is another view of the same memory.
  const aligned = bytes.byteOffset % Math.ceil(bitsOf(dtype) / 8) === 0 ? bytes : new Uint8Array(bytes);
  return rows[dtype].view(aligned.buffer, aligned.byteOffset, aligned.byteLength);
}

/** The bytes behind a tensor's data. Throws CongError when the array's class or length does not fit the tensor. */
export function bytesOf(tensor: SafeTensor): Uint8Array {
  const { name, dtype, shape, data } = tensor;
  const wanted = byteLengthOf(dtype, shape);
  const example = rows[dtype].view(new ArrayBuffer(0), 0, 0);
  if (Object.prototype.toString.call(data) !== Object.prototype.toString.call(example)) {
    const got = Object.prototype.toString.call(data).slice(8, -1);
    throw new CongError(
      "BAD_ARGUMENT",
      `tensor "${name}": ${dtype} data is a ${got}`,
      { tensor: name, dtype, got },
      `pass a ${example.constructor.name}`,
    );
  }
  if (data.byteLength !== wanted) {
    throw new CongError(
      "BAD_ARGUMENT",
      `tensor "${name}": ${dtype} [${shape.join(", ")}] needs ${wanted ?? "an uncountable number of"} bytes, got ${data.byteLength}`,
      { tensor: name, dtype, shape, got: data.byteLength, wanted },
      "the shape and the array's length must agree",
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
