/**
 * In which type each tensor is stored: matrices in the type asked for, norms and biases always in float32 (ggml adds and
 * multiplies in float32 there), and matrices whose rows are not whole blocks in float16, as llama.cpp's own quantiser does.
 */
import { blockCodecOf } from "../../formats/index.ts";
import { CongError } from "../../support/index.ts";

/** Weight types of an exported file. */
export type GgufExportType = "f32" | "f16" | "q8_0" | "q4_0";

/** llama.cpp's number for a file whose matrices are of this type (`general.file_type`). */
export const fileTypes: Readonly<Record<GgufExportType, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 7 };

/** The type of one tensor. */
export function tensorType(wanted: GgufExportType, shape: readonly number[]): GgufExportType {
  if (shape.length < 2) return "f32";
  return shape.at(-1)! % blockCodecOf(wanted).elements === 0 ? wanted : "f16";
}

/** The largest half-precision number. */
const largestHalf = 65504;

/** Encodes values, refusing those whose half-precision parts would overflow. CongError `OUT_OF_RANGE`. */
export function encodeTensor(type: GgufExportType, name: string, values: Float32Array): Uint8Array {
  // A block's scale is the largest value over 127 or 8.
  const limit = { f32: Number.POSITIVE_INFINITY, f16: largestHalf, q8_0: 127 * largestHalf, q4_0: 8 * largestHalf }[
    type
  ];
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]!) <= limit) continue;
    throw new CongError(
      "OUT_OF_RANGE",
      `parameter "${name}" holds ${values[i]} at element ${i}, ${type} reaches ${limit}`,
      { name, index: i, value: values[i], type },
      'export with type "f32", or look for the cause of so large a weight',
    );
  }
  return blockCodecOf(type).encode(values);
}
