/** Reading and adding at indices. Indices are int32 or int64, never negative, and always checked. */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import type { Dim } from "../graph/dims.ts";
import type { DType } from "../graph/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { type KernelTensor, notDifferentiable, type OpDefinition, requireDType } from "../graph/op.ts";
import { normalizeAxis, sameShape, showShape, stridesOf } from "../graph/shape.ts";
import { equal } from "./compare.ts";
import { emit, scalar } from "./emit.ts";
import { aroundAxis, forEachOffset } from "./indexing.ts";
import { expand, reshape, transpose } from "./movement.ts";
import { cast } from "./select.ts";
import { iotaOp } from "./sequence.ts";

const requireIndices = (op: string, type: TensorType): void =>
  requireDType(op, type, ["int32", "int64"], "index tensor");

/** An index from data, or a clear error. */
function indexAt(op: string, indices: KernelTensor, position: number, size: number): number {
  const index = indices.data[position]!;
  if (index >= 0 && index < size) return index;
  throw new CongError(
    "INDEX_OUT_OF_RANGE",
    `${op}: index ${index} at position ${position} is outside [0, ${size})`,
    { op, index, position, size },
    "token ids must be smaller than the vocabulary; check that tokenizer and model belong together",
  );
}

export const gatherOp: OpDefinition<{ readonly axis: number }> = {
  name: "gather",
  infer: ([x, indices], { axis }) => {
    requireIndices("gather", indices!);
    return [{ dtype: x!.dtype, shape: x!.shape.toSpliced(axis, 1, ...indices!.shape) }];
  },
  gradient: ({ inputs: [x, indices], gradients: [g], params: { axis } }) => {
    const updates = reshape(g!, x!.shape.toSpliced(axis, 1, -1));
    return [scatterAdd(zeros(x!), reshape(indices!, [-1]), updates, axis), undefined];
  },
  evaluate: ({ inputs: [x, indices], outputs: [y], params: { axis } }) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    const count = indices!.data.length;
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < count; i++) {
        const from = (o * size + indexAt("gather", indices!, i, size)) * inner;
        y!.data.set(x!.data.subarray(from, from + inner), (o * count + i) * inner);
      }
    }
  },
};

export const scatterAddOp: OpDefinition<{ readonly axis: number }> = {
  name: "scatterAdd",
  infer: ([x, indices, updates], { axis }) => {
    requireIndices("scatterAdd", indices!);
    requireDType("scatterAdd", updates!, [x!.dtype], "updates");
    const wanted = x!.shape.toSpliced(axis, 1, indices!.shape[0] ?? 1);
    if (indices!.shape.length !== 1 || !sameShape(updates!.shape, wanted)) {
      throw new CongError(
        "SHAPE_MISMATCH",
        `scatterAdd: indices ${showShape(indices!.shape)} and updates ${showShape(updates!.shape)} do not fit ${showShape(x!.shape)} along axis ${axis}`,
        { axis },
        `indices must have rank 1 and updates the shape ${showShape(wanted)}`,
      );
    }
    return [x!];
  },
  gradient: ({ inputs: [, indices], gradients: [g], params: { axis }, needs }) => [
    g,
    undefined,
    needs[2] ? gather(g!, indices!, axis) : undefined,
  ],
  evaluate: ({ inputs: [x, indices, updates], outputs: [y], params: { axis } }) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    const count = indices!.data.length;
    y!.data.set(x!.data);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < count; i++) {
        const to = (o * size + indexAt("scatterAdd", indices!, i, size)) * inner;
        for (let k = 0; k < inner; k++) y!.data[to + k]! += updates!.data[(o * count + i) * inner + k]!;
      }
    }
  },
};

export const takeAlongAxisOp: OpDefinition<{ readonly axis: number }> = {
  name: "takeAlongAxis",
  infer: ([x, indices], { axis }) => {
    requireIndices("takeAlongAxis", indices!);
    requireSameBut(axis, "takeAlongAxis", x!, indices!);
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  gradient: ({ inputs: [x, indices], gradients: [g], params: { axis } }) => [
    addAlongAxis(zeros(x!), indices!, g!, axis),
    undefined,
  ],
  evaluate: ({ inputs: [x, indices], outputs: [y], params: { axis } }) => {
    forEachElement(x!, indices!, axis, "takeAlongAxis", (at, position) => {
      y!.data[position] = x!.data[at]!;
    });
  },
};

export const addAlongAxisOp: OpDefinition<{ readonly axis: number }> = {
  name: "addAlongAxis",
  infer: ([x, indices, updates], { axis }) => {
    requireIndices("addAlongAxis", indices!);
    requireDType("addAlongAxis", updates!, [x!.dtype], "updates");
    requireSameBut(axis, "addAlongAxis", x!, indices!);
    return [x!];
  },
  gradient: ({ inputs: [, indices], gradients: [g], params: { axis }, needs }) => [
    g,
    undefined,
    needs[2] ? takeAlongAxis(g!, indices!, axis) : undefined,
  ],
  evaluate: ({ inputs: [x, indices, updates], outputs: [y], params: { axis } }) => {
    y!.data.set(x!.data);
    forEachElement(x!, indices!, axis, "addAlongAxis", (at, position) => {
      y!.data[at]! += updates!.data[position]!;
    });
  },
};

export const topKIndicesOp: OpDefinition<{ readonly k: number; readonly axis: number }> = {
  name: "topKIndices",
  infer: ([x], { k, axis }) => {
    requireDType("topK", x!, ["float32"]);
    const size = x!.shape[axis]!;
    if (!Number.isInteger(k) || k < 1 || (typeof size === "number" && k > size)) {
      throw new CongError(
        "BAD_ARGUMENT",
        `topK: k is ${k}, axis ${axis} of ${showShape(x!.shape)} has ${size} elements`,
        { k, size },
        "choose 1 ≤ k ≤ size",
      );
    }
    return [{ dtype: "int64", shape: x!.shape.with(axis, k) }];
  },
  gradient: notDifferentiable("the result is an index"),
  evaluate: ({ inputs: [x], outputs: [y], params: { k, axis } }) => {
    const { outer, size, inner } = aroundAxis(x!.shape, axis);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const value = (index: number) => x!.data[(o * size + index) * inner + i]!;
        const order = Array.from({ length: size }, (_, index) => index).sort((a, b) => value(b) - value(a) || a - b);
        for (let rank = 0; rank < k; rank++) y!.data[(o * k + rank) * inner + i] = order[rank]!;
      }
    }
  },
};

function requireSameBut(axis: number, op: string, x: TensorType, indices: TensorType): void {
  if (x.shape.length === indices.shape.length && x.shape.every((dim, i) => i === axis || dim === indices.shape[i]))
    return;
  throw new CongError(
    "SHAPE_MISMATCH",
    `${op}: indices ${showShape(indices.shape)} do not fit ${showShape(x.shape)} along axis ${axis}`,
    { op, axis },
    "indices need the same shape as the data except along the axis",
  );
}

/** Calls back with the offset into x that each index element addresses. */
function forEachElement(
  x: KernelTensor,
  indices: KernelTensor,
  axis: number,
  op: string,
  visit: (at: number, position: number) => void,
): void {
  const strides = stridesOf(x.shape);
  const rows = strides.map((stride, i) => (i === axis ? 0 : stride));
  forEachOffset(indices.shape, [rows], ([base], position) => {
    visit(base! + indexAt(op, indices, position, x.shape[axis]!) * strides[axis]!, position);
  });
}

const zeros = (like: Tensor): Tensor => expand(scalar(like, 0), like.shape);

/** Slices of x at `indices` along `axis` (default 0); the index shape takes the place of the axis. */
export const gather = (x: Tensor, indices: Tensor, axis = 0): Tensor =>
  emit(gatherOp, [x, indices], { axis: normalizeAxis("gather", axis, x.shape.length) });

/** x with `updates[..., i, ...]` added at `indices[i]` along `axis`; repeated indices add up. */
export const scatterAdd = (x: Tensor, indices: Tensor, updates: Tensor, axis = 0): Tensor =>
  emit(scatterAddOp, [x, indices, updates], { axis: normalizeAxis("scatterAdd", axis, x.shape.length) });

/** One element of x per index, along `axis` (PyTorch's gather). */
export const takeAlongAxis = (x: Tensor, indices: Tensor, axis = -1): Tensor =>
  emit(takeAlongAxisOp, [x, indices], { axis: normalizeAxis("takeAlongAxis", axis, x.shape.length) });

/** x with each update added to the element its index addresses along `axis` (PyTorch's scatter_add). */
export const addAlongAxis = (x: Tensor, indices: Tensor, updates: Tensor, axis = -1): Tensor =>
  emit(addAlongAxisOp, [x, indices, updates], { axis: normalizeAxis("addAlongAxis", axis, x.shape.length) });

/** The k largest values along an axis (default the last), in falling order, with their int64 indices. */
export function topK(x: Tensor, k: number, axis = -1): { values: Tensor; indices: Tensor } {
  const at = normalizeAxis("topK", axis, x.shape.length);
  const indices = emit(topKIndicesOp, [x], { k, axis: at });
  return { values: takeAlongAxis(x, indices, at), indices };
}

/** 1 at the index along a new last axis of size `depth`, 0 elsewhere. */
export function oneHot(indices: Tensor, depth: Dim, dtype: DType = "float32"): Tensor {
  requireIndices("oneHot", indices);
  const classes = indices.builder.emit(iotaOp, [], { size: depth, dtype: indices.dtype })[0]!;
  return cast(equal(reshape(indices, [...indices.shape, 1]), classes), dtype);
}

/** Moves an axis to another place. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  const source = normalizeAxis("moveAxis", from, x.shape.length);
  const order = x.shape.map((_, i) => i).toSpliced(source, 1);
  return transpose(x, order.toSpliced(normalizeAxis("moveAxis", to, x.shape.length), 0, source));
}
