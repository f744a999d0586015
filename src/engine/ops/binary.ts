/** Elementwise arithmetic of two tensors, with NumPy broadcasting. Operands may be plain numbers. */
import type { Tensor } from "../graph/builder.ts";
import { type GradientRule, type OpDefinition, requireSameNumber } from "../graph/op.ts";
import { broadcastShapes } from "../graph/shape.ts";
import { equal, less } from "./compare.ts";
import { emit, type Operand, operands, scalar } from "./emit.ts";
import { broadcastStrides, forEachOffset } from "./indexing.ts";
import { sumTo } from "./reduce.ts";
import { cast, where } from "./select.ts";
import { log, neg } from "./unary.ts";

type NoParams = Readonly<Record<string, never>>;
/** Gradients of (a, b) before they are summed down to the operands' shapes; lazy, so that unwanted ones cost nothing. */
type Derivatives = (a: Tensor, b: Tensor, y: Tensor, g: Tensor) => readonly [() => Tensor, () => Tensor];

function binary(name: string, of: (a: number, b: number) => number, derivatives: Derivatives): OpDefinition<NoParams> {
  const gradient: GradientRule<NoParams> = ({ inputs, outputs: [y], gradients: [g], needs }) => {
    const [a, b] = inputs as [Tensor, Tensor];
    return derivatives(a, b, y!, g!).map((of, i) => (needs[i] ? sumTo(of(), inputs[i]!.shape) : undefined));
  };
  return {
    name,
    elementwise: true,
    infer: (types) => [
      {
        dtype: requireSameNumber(name, types),
        shape: broadcastShapes(
          name,
          types.map((type) => type.shape),
        ),
      },
    ],
    gradient,
    evaluate: ({ inputs: [a, b], outputs: [y] }) => {
      const strides = [broadcastStrides(a!.shape, y!.shape), broadcastStrides(b!.shape, y!.shape)];
      forEachOffset(y!.shape, strides, ([i, j], position) => {
        y!.data[position] = of(a!.data[i!]!, b!.data[j!]!);
      });
    },
  };
}

/** Share of the gradient that goes to the operand that won; ties are split in halves, as in PyTorch. */
const share = (winner: Tensor, loser: Tensor, g: Tensor): Tensor =>
  mul(g, where(equal(winner, loser), scalar(g, 0.5), cast(less(loser, winner), g.dtype)));

export const binaryOps = {
  add: binary(
    "add",
    (a, b) => a + b,
    (_a, _b, _y, g) => [() => g, () => g],
  ),
  sub: binary(
    "sub",
    (a, b) => a - b,
    (_a, _b, _y, g) => [() => g, () => neg(g)],
  ),
  mul: binary(
    "mul",
    (a, b) => a * b,
    (a, b, _y, g) => [() => mul(g, b), () => mul(g, a)],
  ),
  div: binary(
    "div",
    (a, b) => a / b,
    (_a, b, y, g) => [() => div(g, b), () => neg(div(mul(g, y), b))],
  ),
  pow: binary(
    "pow",
    (a, b) => a ** b,
    (a, b, y, g) => [() => mul(g, mul(b, pow(a, sub(b, 1)))), () => mul(g, mul(y, log(a)))],
  ),
  maximum: binary("maximum", Math.max, (a, b, _y, g) => [() => share(a, b, g), () => share(b, a, g)]),
  minimum: binary("minimum", Math.min, (a, b, _y, g) => [
    () => share(neg(a), neg(b), g),
    () => share(neg(b), neg(a), g),
  ]),
};

const apply = (op: OpDefinition<NoParams>, a: Operand, b: Operand): Tensor => emit(op, operands(op.name, a, b), {});

/** a + b */
export const add = (a: Operand, b: Operand): Tensor => apply(binaryOps.add, a, b);
/** a − b */
export const sub = (a: Operand, b: Operand): Tensor => apply(binaryOps.sub, a, b);
/** a · b, elementwise */
export const mul = (a: Operand, b: Operand): Tensor => apply(binaryOps.mul, a, b);
/** a / b; for integers the behaviour with a remainder is truncation. */
export const div = (a: Operand, b: Operand): Tensor => apply(binaryOps.div, a, b);
/** a to the power b */
export const pow = (a: Operand, b: Operand): Tensor => apply(binaryOps.pow, a, b);
/** The larger of a and b */
export const maximum = (a: Operand, b: Operand): Tensor => apply(binaryOps.maximum, a, b);
/** The smaller of a and b */
export const minimum = (a: Operand, b: Operand): Tensor => apply(binaryOps.minimum, a, b);
/** Limits x to [low, high]. */
export const clamp = (x: Tensor, low: number, high: number): Tensor => minimum(maximum(x, low), high);
