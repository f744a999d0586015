/**
 * Random numbers from a seeded counter: Threefry-2x32, equal bits on every backend and on the host (`support/random.ts`).
 *
 * The key is a tensor of two words, so that a training run keeps (seed, step) in its state and every step draws new
 * numbers. Sites that must differ within a step use different streams.
 */
import { CongError } from "../../support/errors.ts";
import { randomBits as hostBits } from "../../support/random.ts";
import type { Tensor } from "../graph/builder.ts";
import { bindDim, type Dim, productOfDims } from "../graph/dims.ts";
import type { TensorType } from "../graph/graph.ts";
import { type KernelTensor, notDifferentiable, type OpDefinition, requireDType } from "../graph/op.ts";
import { type Shape, sameShape, showShape } from "../graph/shape.ts";
import { mul, sub } from "./binary.ts";
import { emit } from "./emit.ts";
import { concat, reshape, slice } from "./movement.ts";
import { cast } from "./select.ts";
import { cos, log, sin, sqrt } from "./unary.ts";

/** `count` words; the layout is that of `randomBits` in `support/random.ts`. */
export const randomBitsOp: OpDefinition<{ readonly count: Dim; readonly stream: number }> = {
  name: "randomBits",
  infer: ([key], { count }) => {
    requireKey("randomBits", key!);
    return [{ dtype: "uint32", shape: [count] }];
  },
  gradient: notDifferentiable("random bits do not depend smoothly on the key"),
  bind: ({ count, stream }, bindings) => ({ count: bindDim(count, bindings), stream }),
  evaluate: ({ inputs: [key], outputs: [y], params: { stream } }) => {
    y!.data.set(hostBits(wordsOf(key!), stream, y!.data.length));
  },
};

export interface DropoutMaskParams {
  readonly shape: Shape;
  readonly stream: number;
  /** Above 0 and below 1. */
  readonly rate: number;
}

/**
 * Which elements dropout keeps, as factors: 0 with probability `rate`, else 1/(1 − rate). Word i of the stream decides
 * over element i, as `randomUniform` would: kept if its upper 24 bits are at least `keepThreshold`. One op, so that a
 * backend need not store the words.
 */
export const dropoutMaskOp: OpDefinition<DropoutMaskParams> = {
  name: "dropoutMask",
  infer: ([key], { shape }) => {
    requireKey("dropoutMask", key!);
    return [{ dtype: "float32", shape }];
  },
  gradient: notDifferentiable("random bits do not depend smoothly on the key"),
  bind: ({ shape, ...rest }, bindings) => ({ shape: shape.map((dim) => bindDim(dim, bindings)), ...rest }),
  evaluate: ({ inputs: [key], outputs: [y], params: { stream, rate } }) => {
    const threshold = keepThreshold(rate);
    const scale = keepScale(rate);
    const words = hostBits(wordsOf(key!), stream, y!.data.length);
    for (let i = 0; i < words.length; i++) y!.data[i] = words[i]! >>> 8 >= threshold ? scale : 0;
  },
};

/** An element is kept if the upper 24 bits of its word, as a whole number, are at least this: rate · 2^24 in float32. */
export const keepThreshold = (rate: number): number => Math.ceil(Math.fround(rate) * 2 ** 24);

/** What kept elements are multiplied by. */
export const keepScale = (rate: number): number => 1 / (1 - rate);

const wordsOf = ({ data }: KernelTensor): readonly [number, number] => [data[0]! >>> 0, data[1]! >>> 0];

function requireKey(op: string, key: TensorType): void {
  requireDType(op, key, ["int64"], "key");
  if (sameShape(key.shape, [2])) return;
  throw new CongError(
    "SHAPE_MISMATCH",
    `${op}: the key has shape ${showShape(key.shape)}, wanted [2]`,
    { key: key.shape },
    "make it with seedKey() of support/random.ts",
  );
}

export const shiftRightOp: OpDefinition<{ readonly bits: number }> = {
  name: "shiftRight",
  infer: ([x]) => {
    requireDType("shiftRight", x!, ["uint32"]);
    return [x!];
  },
  gradient: notDifferentiable("works on bits"),
  evaluate: ({ inputs: [x], outputs: [y], params: { bits } }) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = x!.data[i]! >>> bits;
  },
};

/** Words as uniform numbers in [0, 1): the upper 24 bits, which float32 holds exactly. */
const unitInterval = (bits: Tensor): Tensor => mul(cast(emit(shiftRightOp, [bits], { bits: 8 }), "float32"), 2 ** -24);

/** Uniform float32 in [0, 1). `key` is int64 [2]. */
export const randomUniform = (key: Tensor, shape: Shape, stream: number): Tensor =>
  reshape(unitInterval(emit(randomBitsOp, [key], { count: productOfDims(shape), stream })), shape);

/**
 * Standard normal float32 by Box–Muller. With sizes known at trace time the numbers are those of `normal` in
 * `support/random.ts`; with named sizes each pair of words gives one number instead of two.
 */
export function randomNormal(key: Tensor, shape: Shape, stream: number): Tensor {
  const count = productOfDims(shape);
  const half = typeof count === "number" ? Math.ceil(count / 2) : count;
  const bits = emit(randomBitsOp, [key], { count: productOfDims([2, half]), stream });
  const first = unitInterval(slice(bits, 0, 0, half));
  const angle = mul(unitInterval(slice(bits, 0, half)), Math.fround(2 * Math.PI));
  const radius = sqrt(mul(log(sub(1, first)), -2));
  const one = mul(radius, cos(angle));
  if (half === count) return reshape(one, shape);
  return reshape(slice(concat([one, mul(radius, sin(angle))], 0), 0, 0, count), shape);
}

/** Draws numbers for the sites of one model: a key, and a fresh stream for each site. */
export interface RandomSource {
  readonly key: Tensor;
  nextStream(): number;
}

/** A source over a key tensor (int64 [2]). Streams are numbered through the whole graph. */
export const randomSource = (key: Tensor): RandomSource => ({ key, nextStream: () => key.builder.nextStream() });

/** Zeroes each element with probability `rate`, 0 ≤ rate < 1, and scales the rest by 1/(1 − rate) (Srivastava et al. 2014). */
export function dropout(x: Tensor, rate: number, random: RandomSource): Tensor {
  if (!(rate >= 0 && rate < 1)) {
    throw new CongError("BAD_ARGUMENT", `dropout: the rate is ${rate}`, { rate }, "use a share from 0 to below 1");
  }
  if (keepThreshold(rate) === 0) return x;
  const mask = emit(dropoutMaskOp, [random.key], { shape: x.shape, stream: random.nextStream(), rate });
  return mul(x, cast(mask, x.dtype));
}
