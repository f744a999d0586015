/** Tensors of files as tensors of the engine and back, and between floating-point types. */
import type { DType, HostTensor } from "../../engine/index.ts";
import { type SafeArray, type SafeDtype, type SafeTensor, tensorToFloat32 } from "../../formats/index.ts";
import { CongError } from "../../support/errors.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../../support/half-precision.ts";

const sameBytes: Partial<Record<SafeDtype, DType>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  U32: "uint32",
  U8: "uint8",
  BOOL: "bool",
};
const widened: Partial<Record<SafeDtype, DType>> = { F64: "float32", I8: "int32", I16: "int32", U16: "int32" };

const stored: Readonly<Record<DType, SafeDtype>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  uint32: "U32",
  uint8: "U8",
  bool: "BOOL",
};

/** The engine's type for a stored one; see `Checkpoint.spec`. Throws CongError `DTYPE_UNSUPPORTED`. */
export function hostDtype(dtype: SafeDtype, tensor: string): DType {
  const found = sameBytes[dtype] ?? widened[dtype];
  if (found !== undefined) return found;
  throw new CongError(
    "DTYPE_UNSUPPORTED",
    `tensor "${tensor}" is stored as ${dtype}, which Congling does not compute with`,
    { tensor, dtype },
    "convert the checkpoint to float16, bfloat16 or float32",
  );
}

/** The name of the engine's type in a safetensors file. */
export const storedDtype = (dtype: DType): SafeDtype => stored[dtype];

/** A tensor of a file as one of the engine; shares its memory where no element changes type. */
export function toHostTensor(tensor: SafeTensor): HostTensor {
  const { name, shape, data } = tensor;
  const dtype = hostDtype(tensor.dtype, name);
  if (sameBytes[tensor.dtype] !== undefined) return { dtype, shape, data: data as HostTensor["data"] };
  if (dtype === "float32") return { dtype, shape, data: tensorToFloat32(tensor) };
  return { dtype, shape, data: Int32Array.from(data as Int8Array) };
}

/** A tensor of the engine as one of a file. */
export const toSafeTensor = (name: string, { dtype, shape, data }: HostTensor): SafeTensor => ({
  name,
  dtype: stored[dtype],
  shape,
  data: data as SafeArray,
});

/**
 * A tensor in another floating-point type: wider is exact, narrower rounds to nearest, ties to even. The same type
 * returns the tensor itself.
 * @throws CongError `DTYPE_MISMATCH` for anything but floats
 */
export function convertFloat(tensor: HostTensor, dtype: DType, name: string): HostTensor {
  if (tensor.dtype === dtype) return tensor;
  const floats: readonly DType[] = ["float32", "float16", "bfloat16"];
  if (!floats.includes(tensor.dtype) || !floats.includes(dtype)) {
    throw new CongError(
      "DTYPE_MISMATCH",
      `tensor "${name}" is ${tensor.dtype}, wanted ${dtype}`,
      { tensor: name, got: tensor.dtype, wanted: dtype },
      "only floating-point tensors are converted; is this the model the configuration describes?",
    );
  }
  const wide = tensorToFloat32(toSafeTensor(name, tensor));
  if (dtype === "float32") return { dtype, shape: tensor.shape, data: wide };
  const data = dtype === "float16" ? float32ToFloat16(wide) : float32ToBfloat16(wide);
  return { dtype, shape: tensor.shape, data };
}
