/** Reductions over axes. Axes may be negative; no axes means all of them. */
import type { Tensor } from "../graph/builder.ts";
import { type Dim, productOfDims } from "../graph/dims.ts";
import { type KernelCall, notDifferentiable, type OpDefinition, requireDType } from "../graph/op.ts";
import { normalizeAxis, type Shape } from "../graph/shape.ts";
import { add, div, maximum, mul, sub } from "./binary.ts";
import { equal } from "./compare.ts";
import { customGradient } from "./custom-gradient.ts";
import { emit } from "./emit.ts";
import { broadcastStrides, forEachOffset } from "./indexing.ts";
import { expand, reshape } from "./movement.ts";
import { cast } from "./select.ts";
import { dimensionOp } from "./source.ts";
import { exp, log, neg } from "./unary.ts";

export interface ReduceOptions {
  /** Default: all axes. */
  readonly axes?: readonly number[] | number;
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

/** Axes are ascending and not negative. */
export interface ReduceParams {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

const reducedShape = (shape: Shape, { axes, keepDims }: ReduceParams): Dim[] =>
  keepDims ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : shape.filter((_, i) => !axes.includes(i));

/** Puts a reduced tensor back to the rank it came from, so that it broadcasts against the input. */
const unreduce = (reduced: Tensor, x: Tensor, params: ReduceParams): Tensor =>
  reshape(reduced, reducedShape(x.shape, { axes: params.axes, keepDims: true }));

function reduction(
  name: string,
  initial: number,
  combine: (accumulated: number, value: number) => number,
  gradient: OpDefinition<ReduceParams>["gradient"],
): OpDefinition<ReduceParams> {
  return {
    name,
    infer: ([x], params) => {
      requireDType(name, x!, ["float32", "int32", "int64"]);
      return [{ dtype: x!.dtype, shape: reducedShape(x!.shape, params) }];
    },
    gradient,
    evaluate: ({ inputs: [x], outputs: [y], params: { axes } }: KernelCall<ReduceParams>) => {
      const kept = x!.shape.map((size, i) => (axes.includes(i) ? 1 : size));
      const totals = new Float64Array(y!.data.length).fill(initial);
      forEachOffset(x!.shape, [broadcastStrides(kept, x!.shape)], ([at], position) => {
        totals[at!] = combine(totals[at!]!, x!.data[position]!);
      });
      y!.data.set(totals);
    },
  };
}

export const reduceOps = {
  sum: reduction(
    "sum",
    0,
    (total, value) => total + value,
    ({ inputs: [x], gradients: [g], params }) => [expand(unreduce(g!, x!, params), x!.shape)],
  ),
  max: reduction(
    "max",
    Number.NEGATIVE_INFINITY,
    (best, value) => (Number.isNaN(best) || value <= best ? best : value),
    ({ inputs: [x], outputs: [y], gradients: [g], params }) => {
      // Ties share the gradient equally, as in PyTorch's amax.
      const winners = cast(equal(x!, unreduce(y!, x!, params)), x!.dtype);
      const count = sum(winners, { axes: params.axes, keepDims: true });
      return [mul(div(unreduce(g!, x!, params), count), winners)];
    },
  ),
};

export const argmaxOp: OpDefinition<{ readonly axis: number; readonly keepDims: boolean }> = {
  name: "argmax",
  infer: ([x], { axis, keepDims }) => [{ dtype: "int64", shape: reducedShape(x!.shape, { axes: [axis], keepDims }) }],
  gradient: notDifferentiable("the result is an index"),
  evaluate: ({ inputs: [x], outputs: [y], params: { axis } }) => {
    const kept = x!.shape.map((size, i) => (i === axis ? 1 : size));
    const best = new Float64Array(y!.data.length).fill(Number.NaN);
    const place = x!.shape.map((_, i) => (i === axis ? 1 : 0));
    forEachOffset(x!.shape, [broadcastStrides(kept, x!.shape), place], ([at, index], position) => {
      const value = x!.data[position]!;
      if (index === 0 || value > best[at!]!) {
        best[at!] = value;
        y!.data[at!] = index!;
      }
    });
  },
};

function reduceParams(op: string, x: Tensor, options: ReduceOptions): ReduceParams {
  const { axes = x.shape.map((_, i) => i), keepDims = false } = options;
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normalizeAxis(op, axis, x.shape.length));
  return { axes: [...new Set(list)].sort((a, b) => a - b), keepDims };
}

/** Sum over axes. */
export const sum = (x: Tensor, options: ReduceOptions = {}): Tensor =>
  emit(reduceOps.sum, [x], reduceParams("sum", x, options));

/** Largest value over axes. */
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor =>
  emit(reduceOps.max, [x], reduceParams("max", x, options));

/** Smallest value over axes. */
export const min = (x: Tensor, options: ReduceOptions = {}): Tensor => neg(max(neg(x), options));

/** Arithmetic mean over axes. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireDType("mean", x, ["float32"]);
  const { axes } = reduceParams("mean", x, options);
  const count = productOfDims(axes.map((axis) => x.shape[axis]!));
  const total = sum(x, options);
  if (typeof count === "number") return mul(total, 1 / count);
  return div(total, x.builder.emit(dimensionOp, [], { dim: count, dtype: x.dtype })[0]!);
}

/** Position of the largest value along an axis (default the last), the first of equals; int64. */
export function argmax(x: Tensor, options: { readonly axis?: number; readonly keepDims?: boolean } = {}): Tensor {
  const axis = normalizeAxis("argmax", options.axis ?? -1, x.shape.length);
  return emit(argmaxOp, [x], { axis, keepDims: options.keepDims ?? false });
}

/** log Σ e^x over axes, shifted by the maximum so that it cannot overflow; −∞ where all elements are −∞. */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { axes, keepDims } = reduceParams("logSumExp", x, options);
  // Finite, because −∞ − (−∞) is not a number.
  const shift = maximum(max(x, { axes, keepDims: true }), -3.4e38);
  const shifted = exp(sub(x, shift));
  const total = sum(shifted, { axes, keepDims: true });
  const [result] = customGradient([add(log(total), shift)], [x], ([g]) => {
    // The largest element adds 1 to the total, unless all are −∞: then the gradient is 0 rather than 0/0.
    return [mul(g!, div(shifted, maximum(total, 1)))];
  });
  return keepDims ? result! : reshape(result!, reducedShape(x.shape, { axes, keepDims }));
}

/** Sums a broadcast gradient down to the shape of the operand it belongs to. */
export function sumTo(g: Tensor, shape: Shape): Tensor {
  const extra = g.shape.length - shape.length;
  const axes = g.shape.flatMap((dim, i) => (i < extra || (shape[i - extra] === 1 && dim !== 1) ? [i] : []));
  if (axes.length === 0) return g;
  return reshape(sum(g, { axes, keepDims: true }), shape);
}
