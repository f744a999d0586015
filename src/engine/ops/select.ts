/** Choosing between values, and changing dtypes. */
import { CongError } from "../../support/errors.ts";
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../support/half-precision.ts";
import type { Tensor } from "../graph/builder.ts";
import { type DType, isFloat } from "../graph/dtype.ts";
import { type KernelCall, type OpDefinition, requireDType } from "../graph/op.ts";
import { broadcastShapes } from "../graph/shape.ts";
import { emit, type Operand, operands, scalar } from "./emit.ts";
import { broadcastStrides, forEachOffset } from "./indexing.ts";
import { sumTo } from "./reduce.ts";

export const whereOp: OpDefinition<Readonly<Record<string, never>>> = {
  name: "where",
  elementwise: true,
  infer: ([condition, a, b]) => {
    requireDType("where", condition!, ["bool"], "condition");
    requireDType("where", b!, [a!.dtype], "second choice");
    return [{ dtype: a!.dtype, shape: broadcastShapes("where", [condition!.shape, a!.shape, b!.shape]) }];
  },
  gradient: ({ inputs: [condition, a, b], gradients: [g], needs }) => [
    undefined,
    needs[1] ? sumTo(where(condition!, g!, scalar(g!, 0)), a!.shape) : undefined,
    needs[2] ? sumTo(where(condition!, scalar(g!, 0), g!), b!.shape) : undefined,
  ],
  evaluate: ({ inputs, outputs: [y] }) => {
    const [condition, a, b] = inputs;
    const strides = inputs.map((input) => broadcastStrides(input.shape, y!.shape));
    forEachOffset(y!.shape, strides, ([c, i, j], position) => {
      y!.data[position] = condition!.data[c!] !== 0 ? a!.data[i!]! : b!.data[j!]!;
    });
  },
};

/** Takes `a` where the bool condition holds and `b` elsewhere, broadcasting all three. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const [first, second] = operands("where", a, b);
  return emit(whereOp, [condition, first!, second!], {});
}

export const castOp: OpDefinition<{ readonly to: DType }> = {
  name: "cast",
  elementwise: true,
  infer: ([x], { to }) => [{ dtype: to, shape: x!.shape }],
  // Converting through integers loses the gradient; between floats it passes through.
  gradient: ({ inputs: [x], outputs: [y], gradients: [g] }) => [
    isFloat(x!.dtype) && isFloat(y!.dtype) ? cast(g!, x!.dtype) : undefined,
  ],
  evaluate: castKernel,
};

/** Converts to another dtype. Floats become integers by dropping the fraction; anything but 0 becomes true. */
export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : emit(castOp, [x], { to }));

function castKernel({ inputs: [x], outputs: [y] }: KernelCall<{ readonly to: DType }>): void {
  const source = x!.data;
  const target = y!.data;
  const integer = !isFloat(y!.dtype);
  for (let i = 0; i < target.length; i++) {
    const value = source[i]!;
    target[i] = y!.dtype === "bool" ? (value !== 0 ? 1 : 0) : integer ? Math.trunc(value) : value;
  }
  // Storage types are held as their float32 values, rounded to what the type can represent.
  if (y!.dtype === "float16") target.set(float16ToFloat32(float32ToFloat16(Float32Array.from(target))));
  if (y!.dtype === "bfloat16") target.set(bfloat16ToFloat32(float32ToBfloat16(Float32Array.from(target))));
}

/** The first input unchanged, once the others exist. The gradient goes to the first alone. */
export const barrierOp: OpDefinition<Readonly<Record<string, never>>> = {
  name: "barrier",
  infer: (types) => {
    if (types.length < 2) throw new CongError("BAD_ARITY", "barrier: needs a value and something to wait for", {});
    return [types[0]!];
  },
  gradient: ({ inputs, gradients: [g] }) => inputs.map((_, i) => (i === 0 ? g : undefined)),
  evaluate: ({ inputs: [x], outputs: [y] }) => {
    y!.data.set(x!.data);
  },
};

/** `x`, computed no earlier than `after`. Orders the schedule without moving data. */
export const barrier = (x: Tensor, after: Tensor): Tensor => emit(barrierOp, [x, after], {});
