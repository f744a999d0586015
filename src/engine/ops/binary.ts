/** Elementwise arithmetic of two tensors, with NumPy broadcasting. Operands may be plain numbers. */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { isInteger } from "../graph/dtype.ts";
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
      const kept = isInteger(y!.dtype) ? (value: number) => wholeNumber(name, value) : (value: number) => value;
      forEachOffset(y!.shape, strides, ([i, j], position) => {
        y!.data[position] = kept(of(a!.data[i!]!, b!.data[j!]!));
      });
    },
  };
}

/** Integer arithmetic drops the fraction, and has no infinity. */
function wholeNumber(name: string, value: number): number {
  if (Number.isFinite(value)) return Math.trunc(value);
  throw new CongError(
    "DIVISION_BY_ZERO",
    `${name}: an integer was divided by 0`,
    { op: name },
    "make the divisor at least 1",
  );
}

/** The gradient where `larger` is the larger one; ties are split in halves, as in PyTorch. */
const share = (larger: Tensor, smaller: Tensor, g: Tensor): Tensor =>
  mul(g, where(equal(larger, smaller), scalar(g, 0.5), cast(less(smaller, larger), g.dtype)));

const oneForZero = (x: Tensor): Tensor => where(equal(x, 0), scalar(x, 1), x);

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
    // IEEE 754: 1 to any power and ±1 to ±∞ are 1, where JavaScript says NaN.
    (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b),
    // Exponent 0 and base 0 would give 0·∞. There the gradients are 0, and so they are with 1 in place of that 0.
    (a, b, y, g) => [() => mul(g, mul(b, pow(a, sub(oneForZero(b), 1)))), () => mul(g, mul(y, log(oneForZero(a))))],
  ),
  maximum: binary("maximum", Math.max, (a, b, _y, g) => [() => share(a, b, g), () => share(b, a, g)]),
  minimum: binary("minimum", Math.min, (a, b, _y, g) => [() => share(b, a, g), () => share(a, b, g)]),
};

const apply = (op: OpDefinition<NoParams>, a: Operand, b: Operand): Tensor => emit(op, operands(op.name, a, b), {});

/** a + b */
export const add = (a: Operand, b: Operand): Tensor => apply(binaryOps.add, a, b);
/** a − b */
export const sub = (a: Operand, b: Operand): Tensor => apply(binaryOps.sub, a, b);
/** a · b, elementwise */
export const mul = (a: Operand, b: Operand): Tensor => apply(binaryOps.mul, a, b);
/** a / b; integers round towards 0, and must not be divided by 0. */
export const div = (a: Operand, b: Operand): Tensor => apply(binaryOps.div, a, b);
/** a to the power b */
export const pow = (a: Operand, b: Operand): Tensor => apply(binaryOps.pow, a, b);
/** The larger of a and b */
export const maximum = (a: Operand, b: Operand): Tensor => apply(binaryOps.maximum, a, b);
/** The smaller of a and b */
export const minimum = (a: Operand, b: Operand): Tensor => apply(binaryOps.minimum, a, b);
/** Limits x to [low, high]. */
export const clamp = (x: Tensor, low: number, high: number): Tensor => minimum(maximum(x, low), high);
