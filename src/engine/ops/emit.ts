/** Helpers of op functions: turning numbers into constants beside a tensor, and emitting one-output nodes. */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { type DType, hostTensor, isFloat } from "../graph/dtype.ts";
import { type OpDefinition, tensorKind } from "../graph/op.ts";
import { constantOp } from "./source.ts";

/** A tensor, or a number that becomes a scalar constant of the other operand's dtype. */
export type Operand = Tensor | number;

export const isTensor = (value: unknown): value is Tensor =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === tensorKind;

/** Emits a node with one output. */
export function emit<Params>(definition: OpDefinition<Params>, inputs: readonly Tensor[], params: Params): Tensor {
  return inputs[0]!.builder.emit(definition, inputs, params)[0]!;
}

/** A scalar constant in the graph of `like`. */
export function scalar(like: Tensor, value: number, dtype: DType = like.dtype): Tensor {
  const isBits = dtype === "float16" || dtype === "bfloat16";
  if (value !== 0 && (isBits || !(isFloat(dtype) || Number.isInteger(value)))) {
    throw new CongError(
      "WRONG_DTYPE",
      `the number ${value} cannot stand beside a ${dtype} tensor`,
      { value, dtype },
      'convert the tensor first, with cast(x, "float32")',
    );
  }
  return like.builder.emit(constantOp, [], { value: hostTensor(dtype, [], [value]) })[0]!;
}

/** A constant tensor in the graph of `like`. */
export function constant(like: Tensor, dtype: DType, shape: readonly number[], values: ArrayLike<number>): Tensor {
  return like.builder.emit(constantOp, [], { value: hostTensor(dtype, shape, values) })[0]!;
}

/** Makes all operands tensors. At least one must be a tensor already. */
export function operands(op: string, ...values: readonly Operand[]): Tensor[] {
  const like = values.find(isTensor);
  if (like === undefined) {
    throw new CongError("NO_TENSOR", `${op}: all operands are plain numbers`, { op }, "compute with numbers directly");
  }
  return values.map((value) => (isTensor(value) ? value : scalar(like, value)));
}
