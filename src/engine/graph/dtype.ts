/**
 * Element types of tensors, and tensors that live in JavaScript memory.
 *
 * float16 and bfloat16 are storage types: their host data are raw bits in a Uint16Array, and arithmetic on them starts
 * with a cast to float32. uint32 exists for random bits.
 */
import { CongError } from "../../support/errors.ts";

export type DType = "float32" | "float16" | "bfloat16" | "int64" | "int32" | "uint32" | "uint8" | "bool";

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Uint32Array
  | Uint8Array;

/** A dense, row-major tensor in JavaScript memory. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

const storage = {
  float32: { bytes: 4, array: Float32Array },
  float16: { bytes: 2, array: Uint16Array },
  bfloat16: { bytes: 2, array: Uint16Array },
  int64: { bytes: 8, array: BigInt64Array },
  int32: { bytes: 4, array: Int32Array },
  uint32: { bytes: 4, array: Uint32Array },
  uint8: { bytes: 1, array: Uint8Array },
  bool: { bytes: 1, array: Uint8Array },
} as const;

/** Bytes of one element. */
export const bytesPerElement = (dtype: DType): number => storage[dtype].bytes;

/** A zeroed typed array of the kind that holds `dtype` in a HostTensor. */
export const allocateArray = (dtype: DType, length: number): TypedArray => new storage[dtype].array(length);

/** A typed array over existing bytes, without copying. The offset must be a multiple of the element size. */
export function viewArray(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray {
  return new storage[dtype].array(buffer as ArrayBuffer, byteOffset, length);
}

export const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "float16" || dtype === "bfloat16";

/** Types that arithmetic accepts; float16 and bfloat16 must be cast first. */
export const isNumber = (dtype: DType): boolean => dtype === "float32" || isInteger(dtype);

export const isInteger = (dtype: DType): boolean =>
  dtype === "int64" || dtype === "int32" || dtype === "uint32" || dtype === "uint8";

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/**
 * Makes a HostTensor from numbers. Integers given for int64 become BigInt.
 * @throws CongError `SHAPE_MISMATCH` when the number of elements does not fit the shape.
 */
export function hostTensor(dtype: DType, shape: readonly number[], values: ArrayLike<number>): HostTensor {
  const length = elementCount(shape);
  if (values.length !== length) {
    throw new CongError(
      "SHAPE_MISMATCH",
      `hostTensor: got ${values.length} values for shape [${shape}], which holds ${length}`,
      { shape, length: values.length },
      "check the shape, or reshape the data first",
    );
  }
  if (dtype === "int64") return { dtype, shape, data: BigInt64Array.from(Array.from(values), (v) => BigInt(v)) };
  const data = allocateArray(dtype, length) as Float32Array;
  data.set(values);
  return { dtype, shape, data };
}

/** The elements as plain numbers; int64 beyond 2^53 loses precision. float16 and bfloat16 give their raw bits. */
export function toNumbers(tensor: HostTensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}
