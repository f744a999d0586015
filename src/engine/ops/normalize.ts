/** Softmax and normalisation layers' arithmetic, as ops of their own because every backend has a fused kernel for them. */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import type { TensorType } from "../graph/graph.ts";
import { type OpDefinition, requireDType } from "../graph/op.ts";
import { normalizeAxis, showShape } from "../graph/shape.ts";
import { add, mul, sub } from "./binary.ts";
import { emit } from "./emit.ts";
import { aroundAxis } from "./indexing.ts";
import { matmul } from "./matmul.ts";
import { expand, reshape } from "./movement.ts";
import { mean, sum } from "./reduce.ts";
import { exp, neg } from "./unary.ts";

export const softmaxOp: OpDefinition<{ readonly axis: number }> = {
  name: "softmax",
  infer: ([x]) => {
    requireDType("softmax", x!, ["float32"]);
    return [x!];
  },
  gradient: ({ outputs: [y], gradients: [g], params: { axis } }) => [
    mul(y!, sub(g!, sum(mul(g!, y!), { axes: axis, keepDims: true }))),
  ],
  evaluate: ({ inputs: [x], outputs: [y], params: { axis } }) => {
    forEachRow(x!.shape, axis, (at) => {
      const { largest, total } = exponentials(x!.data, at);
      for (const i of at) y!.data[i] = Math.exp(x!.data[i]! - largest) / total;
    });
  },
};

export const logSoftmaxOp: OpDefinition<{ readonly axis: number }> = {
  name: "logSoftmax",
  infer: ([x]) => {
    requireDType("logSoftmax", x!, ["float32"]);
    return [x!];
  },
  gradient: ({ outputs: [y], gradients: [g], params: { axis } }) => [
    sub(g!, mul(exp(y!), sum(g!, { axes: axis, keepDims: true }))),
  ],
  evaluate: ({ inputs: [x], outputs: [y], params: { axis } }) => {
    forEachRow(x!.shape, axis, (at) => {
      const { largest, total } = exponentials(x!.data, at);
      for (const i of at) y!.data[i] = x!.data[i]! - largest - Math.log(total);
    });
  },
};

/** Root-mean-square norm over the last axis; the second output is 1/rms per row, kept for the backward pass. */
export const rmsNormOp: OpDefinition<{ readonly epsilon: number }> = {
  name: "rmsNorm",
  infer: ([x, weight]) => {
    requireNormShapes("rmsNorm", x!, weight!);
    return [x!, { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), 1] }];
  },
  /**
   * With r = 1/rms and c channels: dx = r·w·g − x·r³·Σ(g·x·w)/c, dw = Σ over rows of r·g·x.
   * Both sums are matrix–vector products with g·x, which is cheaper than reductions of further products.
   * The gradient h of 1/rms itself, which only second derivatives have, adds −x·r³·h/c.
   */
  gradient: ({ inputs, outputs: [, inverse], gradients: [g, h], needs }) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    const channels = weight.shape[0]!;
    const cubed = mul(inverse!, mul(inverse!, inverse!));
    if (g === undefined) return [neg(mul(x, mul(cubed, rowMean(h!, channels)))), undefined];
    const product = reshape(mul(g, x), [-1, channels]); // (rows, C)
    const r = inverse!; // (..., 1)
    const projected = reshape(matmul(product, reshape(weight, [channels, 1])), r.shape);
    const pull = mul(cubed, rowMean(h === undefined ? projected : add(projected, h), channels));
    return [
      needs[0] ? sub(mul(mul(g, weight), r), mul(x, pull)) : undefined,
      needs[1] ? reshape(matmul(reshape(r, [1, -1]), product), [channels]) : undefined,
    ];
  },
  evaluate: ({ inputs: [x, weight], outputs: [y, inverse], params: { epsilon } }) => {
    const size = weight!.data.length;
    for (let row = 0; row < inverse!.data.length; row++) {
      let squares = 0;
      for (let i = 0; i < size; i++) squares += x!.data[row * size + i]! ** 2;
      const r = 1 / Math.sqrt(squares / size + epsilon);
      inverse!.data[row] = r;
      for (let i = 0; i < size; i++) y!.data[row * size + i] = x!.data[row * size + i]! * r * weight!.data[i]!;
    }
  },
};

/** Layer norm over the last axis; further outputs are mean and 1/deviation per row, kept for the backward pass. */
export const layerNormOp: OpDefinition<{ readonly epsilon: number }> = {
  name: "layerNorm",
  infer: ([x, weight, bias]) => {
    requireNormShapes("layerNorm", x!, weight!);
    requireNormShapes("layerNorm", x!, bias!);
    const row = { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), 1] };
    return [x!, row, row];
  },
  /**
   * With n = (x − mean)·r and s = g·w: dx = r·(s − mean(s) − n·mean(s·n)), dw = Σ over rows of g·n, db = Σ of g.
   * The gradients of the mean and of r, which only second derivatives have, add their 1/c and −n·r²/c.
   */
  gradient: ({ inputs, outputs: [, center, inverse], gradients: [g, ofCenter, ofInverse], needs }) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    const channels = weight.shape[0]!;
    const normalized = mul(sub(x, center!), inverse!);
    const rows = (tensor: Tensor) => sum(reshape(tensor, [-1, channels]), { axes: 0 });
    const throughOutput = (gradient: Tensor) => {
      const scaled = mul(gradient, weight);
      const along = mean(mul(scaled, normalized), { axes: -1, keepDims: true });
      const offset = mean(scaled, { axes: -1, keepDims: true });
      return mul(sub(scaled, add(offset, mul(normalized, along))), inverse!);
    };
    const forInput = () => {
      const parts = [
        ...(g === undefined ? [] : [throughOutput(g)]),
        ...(ofCenter === undefined ? [] : [expand(rowMean(ofCenter, channels), x.shape)]),
        ...(ofInverse === undefined
          ? []
          : [neg(mul(normalized, mul(mul(inverse!, inverse!), rowMean(ofInverse, channels))))]),
      ];
      return parts.reduce((total, part) => add(total, part));
    };
    return [
      needs[0] ? forInput() : undefined,
      needs[1] && g !== undefined ? rows(mul(g, normalized)) : undefined,
      needs[2] && g !== undefined ? rows(g) : undefined,
    ];
  },
  evaluate: ({ inputs: [x, weight, bias], outputs: [y, center, inverse], params: { epsilon } }) => {
    const size = weight!.data.length;
    for (let row = 0; row < inverse!.data.length; row++) {
      const values = x!.data.subarray(row * size, (row + 1) * size);
      let average = 0;
      for (const value of values) average += value / size;
      let variance = 0;
      for (const value of values) variance += (value - average) ** 2 / size;
      const r = 1 / Math.sqrt(variance + epsilon);
      center!.data[row] = average;
      inverse!.data[row] = r;
      for (let i = 0; i < size; i++)
        y!.data[row * size + i] = (values[i]! - average) * r * weight!.data[i]! + bias!.data[i]!;
    }
  },
};

/** e^x / Σ e^x along an axis (default the last). */
export const softmax = (x: Tensor, axis = -1): Tensor =>
  emit(softmaxOp, [x], { axis: normalizeAxis("softmax", axis, x.shape.length) });

/** log(softmax(x)) without loss of precision. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor =>
  emit(logSoftmaxOp, [x], { axis: normalizeAxis("logSoftmax", axis, x.shape.length) });

/** x / sqrt(mean(x²) + ε) · weight over the last axis (Zhang & Sennrich 2019). x [..., C], weight [C]. */
export const rmsNorm = (x: Tensor, weight: Tensor, epsilon = 1e-5): Tensor =>
  x.builder.emit(rmsNormOp, [x, weight], { epsilon })[0]!;

/** (x − mean) / sqrt(var + ε) · weight + bias over the last axis (Ba et al. 2016). x [..., C], weight and bias [C]. */
export const layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, epsilon = 1e-5): Tensor =>
  x.builder.emit(layerNormOp, [x, weight, bias], { epsilon })[0]!;

const rowMean = (total: Tensor, count: number | string): Tensor => mul(total, 1 / Number(count)); // infer() refuses named channels

function requireNormShapes(op: string, x: TensorType, weight: TensorType): void {
  requireDType(op, x, ["float32"]);
  requireDType(op, weight, ["float32"], "weight");
  const channels = x.shape.at(-1);
  if (typeof channels === "number" && weight.shape.length === 1 && weight.shape[0] === channels) return;
  throw new CongError(
    "SHAPE_MISMATCH",
    `${op}: weight ${showShape(weight.shape)} does not fit the last axis of ${showShape(x.shape)}`,
    { op, x: x.shape, weight: weight.shape },
    "the weight needs one element per channel, and the number of channels must be known",
  );
}

/** Calls back with the positions of each row along an axis. */
function forEachRow(shape: readonly number[], axis: number, visit: (positions: readonly number[]) => void): void {
  const { outer, size, inner } = aroundAxis(shape, axis);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) visit(Array.from({ length: size }, (_, k) => (o * size + k) * inner + i));
  }
}

function exponentials(data: ArrayLike<number>, at: readonly number[]): { largest: number; total: number } {
  const largest = at.reduce((best, i) => Math.max(best, data[i]!), Number.NEGATIVE_INFINITY);
  return { largest, total: at.reduce((total, i) => total + Math.exp(data[i]! - largest), 0) };
}
