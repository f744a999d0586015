/**
 * Initial values of weights. An `Initializer` makes a float32 host tensor of a given shape from a seeded generator.
 *
 * Weights are stored [out, in, ...receptive field]: fan in is in·field, fan out is out·field, as PyTorch counts them.
 * Deliberately absent: initialisers chosen by a string name; pass the function.
 */
import { elementCount, type HostTensor, hostTensor } from "../engine/index.ts";
import { checkInteger, checkRange } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import type { Random } from "../support/random.ts";

/** Makes the initial value of one tensor. */
export type Initializer = (shape: readonly number[], random: Random) => HostTensor;

const float32 = (shape: readonly number[], data: Float32Array): HostTensor => ({ dtype: "float32", shape, data });

/** Every element is `value`. */
export const constantInitializer =
  (value: number): Initializer =>
  (shape) =>
    float32(shape, new Float32Array(elementCount(shape)).fill(value));

/** Every element is 0: biases, and projections that shall start silent. */
export const zeros: Initializer = constantInitializer(0);

/** Every element is 1: weights of norms. */
export const ones: Initializer = constantInitializer(1);

/** Normal distribution. Defaults: mean 0, std 1. */
export function normal(options: { readonly mean?: number; readonly std?: number } = {}): Initializer {
  const { mean = 0, std = 1 } = options;
  return (shape, random) => float32(shape, random.normalArray(elementCount(shape), mean, std));
}

/** Uniform distribution from `low` to `high`. Defaults: −1 and 1. */
export function uniform(options: { readonly low?: number; readonly high?: number } = {}): Initializer {
  const { low = -1, high = 1 } = options;
  return (shape, random) => float32(shape, random.uniformArray(elementCount(shape), low, high));
}

export interface TruncatedNormalOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Deviation before cutting; a cut at 2 leaves 0.8796 of it. Default 1. */
  readonly std?: number;
  /** Where to cut, in deviations from the mean. Default 2. */
  readonly cutoff?: number;
}

/**
 * Normal distribution whose values beyond ±cutoff·std are drawn again, as in TensorFlow and JAX. PyTorch's
 * `trunc_normal_` counts its bounds in absolute units instead: there a bound b is cutoff b/std here.
 */
export function truncatedNormal(options: TruncatedNormalOptions = {}): Initializer {
  const { mean = 0, std = 1, cutoff = 2 } = options;
  // Below 0.1 deviations fewer than one draw in twelve is kept: surely a mistake in the unit.
  checkRange("truncatedNormal", { cutoff }, { min: 0.1 });
  return (shape, random) => {
    const values = random.normalArray(elementCount(shape));
    let outside = indicesBeyond(values, cutoff);
    while (outside.length > 0) {
      const fresh = random.normalArray(outside.length);
      outside.forEach((at, i) => {
        values[at] = fresh[i]!;
      });
      outside = outside.filter((at) => Math.abs(values[at]!) > cutoff);
    }
    return float32(
      shape,
      values.map((value) => mean + std * value),
    );
  };
}

function indicesBeyond(values: Float32Array, cutoff: number): number[] {
  const found: number[] = [];
  values.forEach((value, i) => {
    if (Math.abs(value) > cutoff) found.push(i);
  });
  return found;
}

/** Numbers of inputs and outputs that one unit of a weight [out, in, ...receptive field] is connected with. */
export function fans(shape: readonly number[]): { readonly fanIn: number; readonly fanOut: number } {
  const [output, input, ...field] = shape;
  if (output === undefined || input === undefined) {
    throw new CongError(
      "BAD_ARGUMENT",
      `fans: a weight of shape [${shape}] has no inputs and outputs to count`,
      { shape },
      "use normal() or uniform() for tensors of rank below 2",
    );
  }
  const area = elementCount(field);
  return { fanIn: input * area, fanOut: output * area };
}

/** U(±gain·√(6/(fanIn + fanOut))) (Glorot & Bengio 2010). Default gain 1. */
export function xavierUniform(gain = 1): Initializer {
  return (shape, random) => {
    const { fanIn, fanOut } = fans(shape);
    const high = gain * Math.sqrt(6 / (fanIn + fanOut));
    return uniform({ low: -high, high })(shape, random);
  };
}

/** N(0, gain²·2/(fanIn + fanOut)) (Glorot & Bengio 2010). Default gain 1. */
export function xavierNormal(gain = 1): Initializer {
  return (shape, random) => {
    const { fanIn, fanOut } = fans(shape);
    return normal({ std: gain * Math.sqrt(2 / (fanIn + fanOut)) })(shape, random);
  };
}

export interface KaimingOptions {
  /** Keep the variance of activations ("in") or of gradients ("out"). Default "in". */
  readonly mode?: "in" | "out";
  /** Default √2, which makes up for a ReLU; for a leaky one of slope a it is √(2/(1 + a²)). */
  readonly gain?: number;
}

/** U(±gain·√(3/fan)) (He et al. 2015). PyTorch's default for linear layers is gain √(1/3), that is U(±1/√fanIn). */
export function kaimingUniform(options: KaimingOptions = {}): Initializer {
  return (shape, random) => {
    const high = kaimingDeviation(shape, options) * Math.sqrt(3);
    return uniform({ low: -high, high })(shape, random);
  };
}

/** N(0, gain²/fan) (He et al. 2015). */
export function kaimingNormal(options: KaimingOptions = {}): Initializer {
  return (shape, random) => normal({ std: kaimingDeviation(shape, options) })(shape, random);
}

function kaimingDeviation(shape: readonly number[], { mode = "in", gain = Math.SQRT2 }: KaimingOptions): number {
  const { fanIn, fanOut } = fans(shape);
  return gain / Math.sqrt(mode === "in" ? fanIn : fanOut);
}

/**
 * Rows (or columns, whichever are fewer) that are orthogonal and `gain` long (Saxe et al. 2013). Gram–Schmidt on
 * normal vectors gives the uniform distribution over such matrices; a second round removes its rounding errors.
 * For rank 2; default gain 1.
 */
export function orthogonal(gain = 1): Initializer {
  return (shape, random) => {
    const [rows = 0, columns = 0] = shape;
    checkInteger("orthogonal (weights of rank 2)", { rank: shape.length }, { min: 2, max: 2 });
    const [count, size] = [Math.min(rows, columns), Math.max(rows, columns)];
    const values = Float64Array.from(random.normalArray(count * size));
    const vectors = Array.from({ length: count }, (_, i) => values.subarray(i * size, (i + 1) * size));
    vectors.forEach((vector, i) => {
      for (const other of [...vectors.slice(0, i), ...vectors.slice(0, i)]) {
        const along = dot(vector, other);
        for (let k = 0; k < size; k++) vector[k]! -= along * other[k]!;
      }
      const length = Math.sqrt(dot(vector, vector));
      for (let k = 0; k < size; k++) vector[k]! /= length;
    });
    const element = (row: number, column: number) =>
      gain * (rows <= columns ? vectors[row]![column]! : vectors[column]![row]!);
    const flat = Float64Array.from({ length: rows * columns }, (_, i) => element(Math.floor(i / columns), i % columns));
    return hostTensor("float32", shape, flat);
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}
