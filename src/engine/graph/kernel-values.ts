/** Between host tensors (typed arrays, BigInt, half-precision bits) and the numbers that reference kernels work on. */
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../support/half-precision.ts";
import { allocateArray, type HostTensor } from "./dtype.ts";
import { allocateNumbers, type Precision } from "./interpret.ts";
import type { KernelTensor } from "./op.ts";

export function toKernelTensor({ dtype, shape, data }: HostTensor, precision: Precision = "float32"): KernelTensor {
  const numbers = allocateNumbers(dtype, data.length, precision);
  if (dtype === "float16") numbers.set(float16ToFloat32(data as Uint16Array));
  else if (dtype === "bfloat16") numbers.set(bfloat16ToFloat32(data as Uint16Array));
  else if (data instanceof BigInt64Array) for (let i = 0; i < data.length; i++) numbers[i] = Number(data[i]);
  else numbers.set(data);
  return { dtype, shape, data: numbers };
}

export function fromNumbers({ dtype, shape, data }: KernelTensor): HostTensor {
  if (dtype === "float16") return { dtype, shape, data: float32ToFloat16(Float32Array.from(data)) };
  if (dtype === "bfloat16") return { dtype, shape, data: float32ToBfloat16(Float32Array.from(data)) };
  const host = allocateArray(dtype, data.length);
  if (host instanceof BigInt64Array) for (let i = 0; i < data.length; i++) host[i] = BigInt(data[i]!);
  else host.set(data);
  return { dtype, shape, data: host };
}
