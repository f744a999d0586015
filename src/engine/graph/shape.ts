/** Shape arithmetic shared by the op families. All of it works on named sizes as well as on numbers. */
import { CongError } from "../../support/errors.ts";
import { type Dim, divideDims, productOfDims } from "./dims.ts";

export type Shape = readonly Dim[];

export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** NumPy broadcasting: aligned from the right, a size of 1 stretches. Different names never match. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): Dim[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let result: Dim = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result !== 1) {
        throw new CongError(
          "SHAPE_MISMATCH",
          `${op}: cannot combine shapes ${shapes.map(showShape).join(" and ")}: sizes ${result} and ${dim} differ`,
          { op, shapes },
          "sizes must be equal or 1 when aligned from the right; reshape or transpose one operand",
        );
      }
      result = dim;
    }
    return result;
  });
}

/** Turns a negative axis into one counted from the front, and checks the range. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const fromFront = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || fromFront < 0 || fromFront >= rank) {
    throw new CongError(
      "BAD_AXIS",
      `${op}: axis ${axis} is outside a tensor of rank ${rank}`,
      { op, axis, rank },
      rank === 0 ? "the tensor is a scalar" : `use an axis from ${-rank} to ${rank - 1}`,
    );
  }
  return fromFront;
}

/** Fills in the one size given as -1, and checks that the number of elements stays the same. */
export function resolveReshape(from: Shape, to: Shape): Dim[] {
  const total = productOfDims(from);
  const fail = (hint: string): never => {
    throw new CongError(
      "SHAPE_MISMATCH",
      `reshape: cannot turn ${showShape(from)} into ${showShape(to)}`,
      { from, to },
      hint,
    );
  };
  const holes = to.filter((dim) => dim === -1).length;
  if (holes > 1) fail("only one size may be -1");
  if (holes === 0) {
    const asked = productOfDims(to);
    if (asked !== total) fail(`the input holds ${total} elements, the new shape ${asked}`);
    return [...to];
  }
  // Sizes on both sides are left out first: a sum such as "past+length" cannot be divided by otherwise.
  const rest = [...from];
  const others = to.filter((dim) => {
    const at = dim === 0 ? -1 : rest.indexOf(dim);
    if (at >= 0) rest.splice(at, 1);
    return dim !== -1 && at < 0;
  });
  const known = productOfDims(others);
  const missing = divideDims(productOfDims(rest), known) ?? fail(`${total} elements do not divide by ${known}`);
  return to.map((dim) => (dim === -1 ? missing : dim));
}

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}
