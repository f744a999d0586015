/** Any numeric tensor as float32, for code that does not care how a checkpoint stores it. */
import { CongError } from "../../support/errors.ts";
import { bfloat16ToFloat32, float16ToFloat32 } from "../../support/half-precision.ts";
import type { SafeTensor } from "./dtypes.ts";

/**
 * The elements as float32: halves widen exactly, larger types round to nearest, BOOL becomes 0 or 1. F32 data are
 * returned as they are, not copied. Raw dtypes (8-bit and smaller floats, complex) throw CongError `DTYPE_UNSUPPORTED`.
 */
export function tensorToFloat32({ name, dtype, data }: SafeTensor): Float32Array {
  if (dtype === "F16") return float16ToFloat32(data as Uint16Array);
  if (dtype === "BF16") return bfloat16ToFloat32(data as Uint16Array);
  if (data instanceof Float32Array) return data;
  if (dtype === "BOOL") return Float32Array.from(data as Uint8Array, (byte) => (byte === 0 ? 0 : 1));
  if (dtype === "C64" || dtype === "F4" || dtype.startsWith("F6_") || dtype.startsWith("F8_")) {
    throw new CongError(
      "DTYPE_UNSUPPORTED",
      `tensor "${name}" is ${dtype}, which cannot be read as float32`,
      { tensor: name, dtype },
      "read() gives its raw bytes",
    );
  }
  const target = new Float32Array(data.length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < data.length; i++) target[i] = Number(data[i]!);
  } else {
    target.set(data);
  }
  return target;
}
