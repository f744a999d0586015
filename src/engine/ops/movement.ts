/** Ops that move elements without computing: reshape, transpose, slice, concatenate, pad, expand, flip. */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { addDims, bindDim, type Dim, evaluateDim, subtractDims } from "../graph/dims.ts";
import type { OpDefinition } from "../graph/op.ts";
import {
  broadcastShapes,
  normalizeAxis,
  resolveReshape,
  type Shape,
  sameShape,
  showShape,
  stridesOf,
} from "../graph/shape.ts";
import { emit } from "./emit.ts";
import { aroundAxis, broadcastStrides, forEachOffset } from "./indexing.ts";
import { sumTo } from "./reduce.ts";

export const reshapeOp: OpDefinition<{ readonly shape: Shape }> = {
  name: "reshape",
  infer: ([x], { shape }) => [{ dtype: x!.dtype, shape: resolveReshape(x!.shape, shape) }],
  gradient: ({ inputs: [x], gradients: [g] }) => [reshape(g!, x!.shape)],
  bind: ({ shape }, bindings) => ({ shape: shape.map((dim) => bindDim(dim, bindings)) }),
  evaluate: ({ inputs: [x], outputs: [y] }) => {
    y!.data.set(x!.data);
  },
};

export const transposeOp: OpDefinition<{ readonly order: readonly number[] }> = {
  name: "transpose",
  infer: ([x], { order }) => [{ dtype: x!.dtype, shape: order.map((axis) => x!.shape[axis]!) }],
  gradient: ({ gradients: [g], params: { order } }) => [
    transpose(
      g!,
      order.map((_, axis) => order.indexOf(axis)),
    ),
  ],
  evaluate: ({ inputs: [x], outputs: [y], params: { order } }) => {
    const strides = stridesOf(x!.shape);
    forEachOffset(y!.shape, [order.map((axis) => strides[axis]!)], ([from], to) => {
      y!.data[to] = x!.data[from!]!;
    });
  },
};

/** The part [start, end) of one axis. */
export const sliceOp: OpDefinition<{ readonly axis: number; readonly start: Dim; readonly end: Dim }> = {
  name: "slice",
  infer: ([x], { axis, start, end }) => [
    { dtype: x!.dtype, shape: x!.shape.map((dim, i) => (i === axis ? subtractDims(end, start) : dim)) },
  ],
  gradient: ({ inputs: [x], gradients: [g], params: { axis, start, end } }) => [
    pad(g!, axis, start, subtractDims(x!.shape[axis]!, end)),
  ],
  bind: ({ axis, start, end }, bindings) => ({ axis, start: bindDim(start, bindings), end: bindDim(end, bindings) }),
  evaluate: ({ inputs: [x], outputs: [y], params: { axis, start }, bindings }) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    const first = evaluateDim(start, bindings);
    requireRange(x!.shape, axis, first, first + y!.shape[axis]!);
    const taken = y!.shape[axis]! * inner;
    for (let o = 0; o < outer; o++) {
      const from = (o * size + first) * inner;
      y!.data.set(x!.data.subarray(from, from + taken), o * taken);
    }
  },
};

export const padOp: OpDefinition<{
  readonly axis: number;
  readonly before: Dim;
  readonly after: Dim;
  readonly value: number;
}> = {
  name: "pad",
  infer: ([x], { axis, before, after }) => [
    { dtype: x!.dtype, shape: x!.shape.map((dim, i) => (i === axis ? addDims(addDims(before, dim), after) : dim)) },
  ],
  gradient: ({ inputs: [x], gradients: [g], params: { axis, before } }) => [
    slice(g!, axis, before, addDims(before, x!.shape[axis]!)),
  ],
  bind: (params, bindings) => ({
    ...params,
    before: bindDim(params.before, bindings),
    after: bindDim(params.after, bindings),
  }),
  evaluate: ({ inputs: [x], outputs: [y], params: { axis, before, value }, bindings }) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    const row = y!.shape[axis]! * inner;
    y!.data.fill(value);
    for (let o = 0; o < outer; o++) {
      const part = x!.data.subarray(o * size * inner, (o + 1) * size * inner);
      y!.data.set(part, o * row + evaluateDim(before, bindings) * inner);
    }
  },
};

export const concatOp: OpDefinition<{ readonly axis: number }> = {
  name: "concat",
  infer: (types, { axis }) => {
    const [first, ...others] = types;
    const differs = others.find(
      ({ dtype, shape }) =>
        dtype !== first!.dtype ||
        !sameShape(
          shape.map((dim, i) => (i === axis ? 0 : dim)),
          first!.shape.map((dim, i) => (i === axis ? 0 : dim)),
        ),
    );
    if (differs !== undefined) {
      throw new CongError(
        "SHAPE_MISMATCH",
        `concat: cannot join ${types.map((t) => `${t.dtype}${showShape(t.shape)}`).join(", ")} along axis ${axis}`,
        { axis },
        "dtypes and all other sizes must be equal",
      );
    }
    const joined = types.map((type) => type.shape[axis]!).reduce(addDims);
    return [{ dtype: first!.dtype, shape: first!.shape.map((dim, i) => (i === axis ? joined : dim)) }];
  },
  gradient: ({ inputs, gradients: [g], params: { axis }, needs }) => {
    let start: Dim = 0;
    return inputs.map((input, i) => {
      const from = start;
      start = addDims(start, input.shape[axis]!);
      return needs[i] ? slice(g!, axis, from, start) : undefined;
    });
  },
  evaluate: ({ inputs, outputs: [y], params: { axis } }) => {
    const { outer, size, inner } = aroundAxis(y!.shape, axis);
    let offset = 0;
    for (const x of inputs) {
      const row = x.shape[axis]! * inner;
      for (let o = 0; o < outer; o++) y!.data.set(x.data.subarray(o * row, (o + 1) * row), o * size * inner + offset);
      offset += row;
    }
  },
};

export const expandOp: OpDefinition<{ readonly shape: Shape }> = {
  name: "expand",
  infer: ([x], { shape }) => {
    const result = broadcastShapes("expand", [x!.shape, shape]);
    if (!sameShape(result, shape)) {
      throw new CongError(
        "SHAPE_MISMATCH",
        `expand: cannot stretch ${showShape(x!.shape)} to ${showShape(shape)}`,
        { from: x!.shape, to: shape },
        "only axes of size 1 can be stretched",
      );
    }
    return [{ dtype: x!.dtype, shape: result }];
  },
  gradient: ({ inputs: [x], gradients: [g] }) => [sumTo(g!, x!.shape)],
  bind: ({ shape }, bindings) => ({ shape: shape.map((dim) => bindDim(dim, bindings)) }),
  evaluate: ({ inputs: [x], outputs: [y] }) => {
    forEachOffset(y!.shape, [broadcastStrides(x!.shape, y!.shape)], ([from], to) => {
      y!.data[to] = x!.data[from!]!;
    });
  },
};

export const flipOp: OpDefinition<{ readonly axis: number }> = {
  name: "flip",
  infer: ([x]) => [x!],
  gradient: ({ gradients: [g], params: { axis } }) => [flip(g!, axis)],
  evaluate: ({ inputs: [x], outputs: [y], params: { axis } }) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < size; i++) {
        const from = (o * size + i) * inner;
        y!.data.set(x!.data.subarray(from, from + inner), (o * size + size - 1 - i) * inner);
      }
    }
  },
};

/** The same elements in another shape; one size may be −1. */
export const reshape = (x: Tensor, shape: Shape): Tensor => {
  const to = resolveReshape(x.shape, shape);
  return sameShape(to, x.shape) ? x : emit(reshapeOp, [x], { shape: to });
};

/** Reorders axes: axis i of the result is axis `order[i]` of x. Default: reversed. */
export function transpose(x: Tensor, order: readonly number[] = x.shape.map((_, i) => x.shape.length - 1 - i)): Tensor {
  const axes = order.map((axis) => normalizeAxis("transpose", axis, x.shape.length));
  if (new Set(axes).size !== x.shape.length) {
    throw new CongError(
      "BAD_AXIS",
      `transpose: order [${order}] does not name every axis of ${showShape(x.shape)} once`,
      { order, shape: x.shape },
      "list each axis exactly once",
    );
  }
  return axes.every((axis, i) => axis === i) ? x : emit(transposeOp, [x], { order: axes });
}

/** Elements [start, end) along an axis; negative numbers count from the end, `end` defaults to the end. */
export function slice(x: Tensor, axis: number, start: Dim, end?: Dim): Tensor {
  const at = normalizeAxis("slice", axis, x.shape.length);
  const size = x.shape[at]!;
  const fromFront = (dim: Dim): Dim => (typeof dim === "number" && dim < 0 ? addDims(size, dim) : dim);
  const [first, last] = [fromFront(start), fromFront(end ?? size)];
  if (first === 0 && last === size) return x;
  requireRange(x.shape, at, first, last);
  return emit(sliceOp, [x], { axis: at, start: first, end: last });
}

/** Checks 0 ≤ start ≤ end ≤ size as far as the sizes are known. */
function requireRange(shape: Shape, axis: number, start: Dim, end: Dim): void {
  const known = [0, start, end, shape[axis]!].filter((dim) => typeof dim === "number");
  if (known.every((dim, i) => i === 0 || known[i - 1]! <= dim)) return;
  throw new CongError(
    "BAD_SLICE",
    `slice: [${start}, ${end}) is outside axis ${axis} of ${showShape(shape)}`,
    { axis, start, end, shape },
    `the axis has ${shape[axis]} elements`,
  );
}

/** Joins tensors along an axis. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new CongError("NO_TENSOR", "concat: got no tensors", {}, "pass at least one");
  if (tensors.length === 1) return first;
  return emit(concatOp, tensors, { axis: normalizeAxis("concat", axis, first.shape.length) });
}

/** Joins tensors of one shape along a new axis; −1 makes it the last one. */
export function stack(tensors: readonly Tensor[], axis: number): Tensor {
  const at = normalizeAxis("stack", axis, (tensors[0]?.shape.length ?? 0) + 1);
  return concat(
    tensors.map((x) => reshape(x, x.shape.toSpliced(at, 0, 1))),
    at,
  );
}

/** Cuts an axis into parts of the given sizes. */
export function split(x: Tensor, axis: number, sizes: readonly Dim[]): Tensor[] {
  const at = normalizeAxis("split", axis, x.shape.length);
  const total = sizes.reduce(addDims, 0);
  if (total !== bindDim(x.shape[at]!, {})) {
    throw new CongError(
      "SHAPE_MISMATCH",
      `split: sizes ${sizes.join(" + ")} make ${total}, axis ${axis} of ${showShape(x.shape)} has ${x.shape[at]}`,
      { sizes, shape: x.shape },
      "the sizes must add up to the axis",
    );
  }
  let start: Dim = 0;
  return sizes.map((size) => {
    const from = start;
    start = addDims(start, size);
    return slice(x, at, from, start);
  });
}

/** Adds `before` and `after` elements of `value` around one axis. */
export function pad(x: Tensor, axis: number, before: Dim, after: Dim, value = 0): Tensor {
  const at = normalizeAxis("pad", axis, x.shape.length);
  if ([before, after].some((dim) => typeof dim === "number" && dim < 0)) {
    throw new CongError(
      "BAD_ARGUMENT",
      `pad: cannot add ${before} before and ${after} after axis ${axis} of ${showShape(x.shape)}`,
      { before, after },
      "sizes are 0 or more; cut with slice",
    );
  }
  return before === 0 && after === 0 ? x : emit(padOp, [x], { axis: at, before, after, value });
}

/** Stretches axes of size 1 to `shape`. */
export const expand = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : emit(expandOp, [x], { shape: [...shape] });

/** Reverses the order along an axis. */
export const flip = (x: Tensor, axis: number): Tensor =>
  emit(flipOp, [x], { axis: normalizeAxis("flip", axis, x.shape.length) });
