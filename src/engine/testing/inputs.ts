/**
 * Inputs of test cases: what dtype and shape, how the values are made, and whether a gradient is asked for.
 *
 * Values come from a seeded generator, so that a case gives the same numbers on every machine and backend.
 */
import type { Random } from "../../support/random.ts";
import type { Dim } from "../graph/dims.ts";
import { type DType, elementCount } from "../graph/dtype.ts";
import type { Shape } from "../graph/shape.ts";

export interface InputSpec {
  readonly dtype: DType;
  /** Sizes may be names, which a case binds in its `sizes`. */
  readonly shape: Shape;
  readonly fill: (shape: readonly number[], random: Random) => ArrayLike<number>;
  /** Whether the harness asks for the gradient; only float32 inputs have one. */
  readonly wanted: boolean;
}

const floats = (shape: readonly Dim[], fill: InputSpec["fill"]): InputSpec => ({
  dtype: "float32",
  shape,
  fill,
  wanted: true,
});

/** Standard normal values. */
export const normal = (shape: readonly Dim[]): InputSpec =>
  floats(shape, (sizes, random) => random.normalArray(elementCount(sizes)));

/** Uniform values in [low, high). */
export const between = (low: number, high: number, shape: readonly Dim[]): InputSpec =>
  floats(shape, (sizes, random) => random.uniformArray(elementCount(sizes), low, high));

/** Values of both signs with a magnitude from 0.5 to 1.5: away from the kink that abs and relu have at 0. */
export const awayFromZero = (shape: readonly Dim[]): InputSpec =>
  floats(shape, (sizes, random) =>
    random.uniformArray(elementCount(sizes), -1, 1).map((value) => value + (value < 0 ? -0.5 : 0.5)),
  );

/** Different values, 0.25 apart, in random order: a small step never changes which one is the largest. */
export const spread = (shape: readonly Dim[]): InputSpec =>
  floats(shape, (sizes, random) => {
    const count = elementCount(sizes);
    return Array.from(random.permutation(count), (rank) => (rank - count / 2) * 0.25);
  });

/** The values written down in the case. The shape must be made of numbers. */
export const given = (shape: readonly number[], values: readonly number[], dtype: DType = "float32"): InputSpec => ({
  dtype,
  shape,
  fill: () => values,
  wanted: dtype === "float32",
});

/** Whole numbers from 0 to below − 1, with repeats. */
export const ids = (shape: readonly Dim[], below: number, dtype: "int32" | "int64" = "int64"): InputSpec => ({
  dtype,
  shape,
  fill: (sizes, random) => Array.from({ length: elementCount(sizes) }, () => random.integer(below)),
  wanted: false,
});

/** Random truth values. */
export const flags = (shape: readonly Dim[]): InputSpec => ({ ...ids(shape, 2), dtype: "bool" });

/** The same input, without asking for its gradient. */
export const fixed = (spec: InputSpec): InputSpec => ({ ...spec, wanted: false });
