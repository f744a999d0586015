/**
 * The numbers of the GGUF format (ggml/docs/gguf.md and ggml.h): value types of metadata, element types of tensors.
 */
import type { BlockType } from "../blocks/index.ts";

/** Metadata value types in the order of their numbers; 9 is the array. */
export const valueTypes = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  "array",
  "uint64",
  "int64",
  "float64",
] as const;

export type GgufScalarType = Exclude<(typeof valueTypes)[number], "array">;

/** Arrays of numbers are typed arrays; of booleans and strings, plain ones. */
export type GgufList =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array
  | readonly boolean[]
  | readonly string[];

/** One metadata value with the type it has in the file. 64-bit integers are bigints. */
export type GgufValue =
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "uint64" | "int64"; readonly value: bigint }
  | { readonly type: Exclude<GgufScalarType, "string" | "bool" | "uint64" | "int64">; readonly value: number }
  | { readonly type: "array"; readonly of: GgufScalarType; readonly value: GgufList };

export type GgufMetadata = ReadonlyMap<string, GgufValue>;

interface TensorTypeRow {
  readonly id: number;
  /** Elements of one block; a row of a tensor is whole blocks. */
  readonly elements: number;
  /** Bytes of one block. */
  readonly bytes: number;
}

/** All element types of ggml that files of today hold. Types without a codec here can be listed and read as bytes. */
const tensorRows = {
  f32: { id: 0, elements: 1, bytes: 4 },
  f16: { id: 1, elements: 1, bytes: 2 },
  q4_0: { id: 2, elements: 32, bytes: 18 },
  q4_1: { id: 3, elements: 32, bytes: 20 },
  q5_0: { id: 6, elements: 32, bytes: 22 },
  q5_1: { id: 7, elements: 32, bytes: 24 },
  q8_0: { id: 8, elements: 32, bytes: 34 },
  q8_1: { id: 9, elements: 32, bytes: 36 },
  q2_k: { id: 10, elements: 256, bytes: 84 },
  q3_k: { id: 11, elements: 256, bytes: 110 },
  q4_k: { id: 12, elements: 256, bytes: 144 },
  q5_k: { id: 13, elements: 256, bytes: 176 },
  q6_k: { id: 14, elements: 256, bytes: 210 },
  q8_k: { id: 15, elements: 256, bytes: 292 },
  iq2_xxs: { id: 16, elements: 256, bytes: 66 },
  iq2_xs: { id: 17, elements: 256, bytes: 74 },
  iq3_xxs: { id: 18, elements: 256, bytes: 98 },
  iq1_s: { id: 19, elements: 256, bytes: 50 },
  iq4_nl: { id: 20, elements: 32, bytes: 18 },
  iq3_s: { id: 21, elements: 256, bytes: 110 },
  iq2_s: { id: 22, elements: 256, bytes: 82 },
  iq4_xs: { id: 23, elements: 256, bytes: 136 },
  i8: { id: 24, elements: 1, bytes: 1 },
  i16: { id: 25, elements: 1, bytes: 2 },
  i32: { id: 26, elements: 1, bytes: 4 },
  i64: { id: 27, elements: 1, bytes: 8 },
  f64: { id: 28, elements: 1, bytes: 8 },
  iq1_m: { id: 29, elements: 256, bytes: 56 },
  bf16: { id: 30, elements: 1, bytes: 2 },
  tq1_0: { id: 34, elements: 256, bytes: 54 },
  tq2_0: { id: 35, elements: 256, bytes: 66 },
  mxfp4: { id: 39, elements: 32, bytes: 17 },
} satisfies Record<string, TensorTypeRow> & Record<BlockType, TensorTypeRow>;

export type GgufTensorType = keyof typeof tensorRows;

const byId = new Map(Object.entries(tensorRows).map(([name, row]) => [row.id, name as GgufTensorType]));

/** The type with this number, or undefined. */
export function tensorTypeOf(id: number): GgufTensorType | undefined {
  return byId.get(id);
}

export function tensorRowOf(type: GgufTensorType): TensorTypeRow {
  return tensorRows[type];
}

/**
 * Bytes of a tensor (row-major, last size is the row length), or undefined when a size is not a whole number, when rows
 * are not whole blocks, or when there are too many bytes to count exactly.
 */
export function byteLengthOf(type: GgufTensorType, shape: readonly number[]): number | undefined {
  const { elements, bytes } = tensorRows[type];
  if ((shape.at(-1) ?? 1) % elements !== 0) return undefined;
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  const total = (count / elements) * bytes;
  return Number.isSafeInteger(total) ? total : undefined;
}

/** What a file says about one tensor. */
export interface GgufTensorInfo {
  readonly name: string;
  readonly type: GgufTensorType;
  /** Row-major, as everywhere in this project; the file lists sizes the other way round. */
  readonly shape: readonly number[];
}

export const magic = 0x46554747; // "GGUF", little-endian
export const defaultAlignment = 32;
/** ggml's limits: 4 sizes, 63 bytes of name and a terminator. */
export const mostSizes = 4;
export const longestName = 63;
