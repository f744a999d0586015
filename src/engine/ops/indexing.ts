/** Index arithmetic shared by the reference kernels. */
import { stridesOf } from "../graph/shape.ts";

/** Strides of an operand broadcast to `shape`: 0 along stretched axes. */
export function broadcastStrides(from: readonly number[], shape: readonly number[]): number[] {
  const own = stridesOf(from);
  const shift = shape.length - from.length;
  return shape.map((_, axis) => (axis < shift || from[axis - shift] === 1 ? 0 : own[axis - shift]!));
}

/**
 * Visits every position of `shape` in row-major order with the offsets it has under several stride sets.
 * The offsets array is reused between visits.
 */
export function forEachOffset(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (offsets: readonly number[], position: number) => void,
  start: readonly number[] = strides.map(() => 0),
): void {
  const total = shape.reduce((a, b) => a * b, 1);
  const index = new Array<number>(shape.length).fill(0);
  const offsets = [...start];
  for (let position = 0; position < total; position++) {
    visit(offsets, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      for (let k = 0; k < strides.length; k++) offsets[k]! += strides[k]![axis]!;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
      for (let k = 0; k < strides.length; k++) offsets[k]! -= strides[k]![axis]! * shape[axis]!;
    }
  }
}

/** Splits a shape at an axis into (outer, size, inner) element counts. */
export function aroundAxis(shape: readonly number[], axis: number): { outer: number; size: number; inner: number } {
  const count = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  return { outer: count(shape.slice(0, axis)), size: shape[axis] ?? 1, inner: count(shape.slice(axis + 1)) };
}
