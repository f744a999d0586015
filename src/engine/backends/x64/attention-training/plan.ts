/**
 * The plan of causal attention over whole sequences, forward and backward, as tables of the matrix product's driver.
 *
 * Each head of each example is one piece of work that fits the L2 cache: 14 queries at a time get their scores against
 * the keys they see, and softmax, and what follows, without the scores ever leaving. Everything is read and written
 * where it lies in [B, T, H, D]: no transposes, no slices. The backward pass computes the weights again instead of
 * keeping them (Dao et al. 2022); the center of their gradient is the sum over what the row holds.
 */
import { lanes, tileRows } from "../matmul/kernels.ts";
import type { Entry as EntryOf, Plan as PlanOf } from "../matmul/plan.ts";

export interface AttentionShape {
  readonly batch: number;
  /** T, a multiple of 32. */
  readonly length: number;
  readonly heads: number;
  /** D, a multiple of 32. */
  readonly headSize: number;
  /** Factor on the scores. */
  readonly scale: number;
}

/** Pointers of the forward and the backward pass, in order. */
export const forwardBases = ["q", "k", "v", "out", "scratch"] as const;
export const backwardBases = ["q", "k", "v", "g", "dq", "dk", "dv", "scratch"] as const;
type Base = (typeof forwardBases)[number] | (typeof backwardBases)[number];
type Entry = EntryOf<Base>;
type Place = Entry["places"][number];

/** Columns of a packed panel. */
const panel = 2 * lanes;
/** Parts of the work; few, because each has scratch memory of its own that should stay in the caches. */
export const mostParts = 8;

/** Floats from a row of scores to the next: a multiple of a cache line that is not one of the cache's size. */
const scoreStride = ({ length }: AttentionShape): number => length + lanes;
const packedFloats = ({ length, headSize }: AttentionShape): number => length * headSize;

/** Bytes of scratch memory of a part: packed operands, weights, gradients of the weights, room to fetch ahead. */
export const attentionScratchBytes = (shape: AttentionShape): number =>
  4 * (5 * packedFloats(shape) + 2 * shape.length * scoreStride(shape)) + 8192;

export const planForward = (shape: AttentionShape): PlanOf<Base> => parts(shape, forwardHead);
export const planBackward = (shape: AttentionShape): PlanOf<Base> => parts(shape, backwardHead);

function parts(shape: AttentionShape, planHead: (shape: AttentionShape, first: number) => Entry[]): PlanOf<Base> {
  const { batch, length, heads, headSize } = shape;
  const count = batch * heads;
  const share = Math.ceil(count / mostParts);
  const head = (i: number) =>
    planHead(shape, Math.floor(i / heads) * length * heads * headSize + (i % heads) * headSize);
  return [
    Array.from({ length: Math.ceil(count / share) }, (_, part) =>
      Array.from({ length: Math.min(share, count - part * share) }, (_, i) => head(part * share + i)).flat(),
    ),
  ];
}

/**
 * How the pieces of one head are addressed. `first` is the head's first element, in floats; scores of all queries are
 * kept, or only of those at work.
 */
function layout(shape: AttentionShape, first: number, keepsScores: boolean) {
  const { length, heads, headSize } = shape;
  const row = heads * headSize;
  const stride = scoreStride(shape);
  const place = (base: Base, floats: number): Place => ({ base, offset: 4 * floats });
  /** A row of q, k, v or their like, from a channel on. */
  const at = (base: Base, t: number, channel = 0) => place(base, first + t * row + channel);
  /** One of five packed matrices, from a float on. */
  const packed = (index: number, floats = 0) => place("scratch", index * packedFloats(shape) + floats);
  /** A score of the first or second matrix of scores. */
  const score = (index: number, query: number, key = 0) =>
    place("scratch", 5 * packedFloats(shape) + (index * length + (keepsScores ? query : 0)) * stride + key);
  return { row, stride, at, packed, score };
}

type Layout = ReturnType<typeof layout>;

/** Rows [T, D] as the columns of a right operand: panels of 32 rows, each [D, 32]. */
function packTransposed(shape: AttentionShape, { row, at, packed }: Layout, base: Base, index: number): Entry[] {
  const { length, headSize } = shape;
  return steps(length, panel).map((t) => ({
    routine: { kind: "packColumns", width: panel, stride: 4 * row },
    places: [at(base, t), packed(index, t * headSize), packed(index)],
    numbers: [headSize],
  }));
}

/** Rows [T, D] as a right operand: panels of 32 channels, each [T, 32]. */
function pack(shape: AttentionShape, { row, at, packed }: Layout, base: Base, index: number): Entry[] {
  const { length, headSize } = shape;
  return steps(headSize, panel).map((channel) => ({
    routine: { kind: "packRows", width: panel, stride: 4 * row },
    places: [at(base, 0, channel), packed(index, channel * length)],
    numbers: [length],
  }));
}

interface Product {
  readonly rows: number;
  readonly a: Place;
  /** Bytes between rows of A, and from one k to the next. */
  readonly rowA: number;
  readonly stepA: number;
  readonly b: Place;
  readonly c: Place;
  readonly rowC: number;
  readonly depth: number;
  /** Panels of B that lie end to end. */
  readonly panels: number;
  readonly scale: number;
}

const multiply = ({ rows, a, rowA, stepA, b, c, rowC, depth, panels, scale }: Product): Entry => ({
  routine: {
    kind: "tile",
    rows,
    vectors: 2,
    onto: "nothing",
    scale,
    rowA,
    stepA,
    rowC,
    fetch: "nothing",
    fetchDistance: 0,
  },
  places: [a, b, c, c, a],
  numbers: [depth, panels],
});

/** Rows of a tensor against packed rows of another: 14 queries' products with the keys they see. */
function scores(shape: AttentionShape, own: Layout, query: number, base: Base, index: number, scale: number): Entry {
  const { length, headSize } = shape;
  const rows = Math.min(tileRows, length - query);
  return multiply({
    rows,
    a: own.at(base, query),
    rowA: 4 * own.row,
    stepA: 4,
    b: own.packed(index),
    c: own.score(index, query),
    rowC: 4 * own.stride,
    depth: headSize,
    panels: Math.ceil((query + rows) / panel),
    scale,
  });
}

/** 14 rows of scores times packed rows, one product for each panel of channels. */
function mix(
  shape: AttentionShape,
  own: Layout,
  query: number,
  from: { readonly scores: number; readonly packed: number; readonly to: Base; readonly scale: number },
): Entry[] {
  const { length, headSize } = shape;
  const rows = Math.min(tileRows, length - query);
  return steps(headSize, panel).map((channel) =>
    multiply({
      rows,
      a: own.score(from.scores, query),
      rowA: 4 * own.stride,
      stepA: 4,
      b: own.packed(from.packed, channel * length),
      c: own.at(from.to, query, channel),
      rowC: 4 * own.row,
      depth: Math.min(length, Math.ceil((query + rows) / 8) * 8),
      panels: 1,
      scale: from.scale,
    }),
  );
}

/** Columns of 14 keys times packed rows: what the queries that see these keys add to them. */
function gather(
  shape: AttentionShape,
  own: Layout,
  key: number,
  from: { readonly scores: number; readonly packed: number; readonly to: Base; readonly scale: number },
): Entry[] {
  const { length, headSize } = shape;
  const firstQuery = Math.floor(key / 8) * 8;
  return steps(headSize, panel).map((channel) =>
    multiply({
      rows: Math.min(tileRows, length - key),
      a: own.score(from.scores, firstQuery, key),
      rowA: 4,
      stepA: 4 * own.stride,
      b: own.packed(from.packed, channel * length + firstQuery * panel),
      c: own.at(from.to, key, channel),
      rowC: 4 * own.row,
      depth: length - firstQuery,
      panels: 1,
      scale: from.scale,
    }),
  );
}

function rowsOf(shape: AttentionShape, own: Layout, kind: "softmaxRows" | "softmaxGradientRows", query: number): Entry {
  return {
    routine: { kind, stride: 4 * own.stride, columns: shape.length },
    places: [own.score(0, query), own.score(1, query)],
    numbers: [Math.min(tileRows, shape.length - query), query + 1],
  };
}

function forwardHead(shape: AttentionShape, first: number): Entry[] {
  const own = layout(shape, first, false);
  return [
    ...packTransposed(shape, own, "k", 0),
    ...pack(shape, own, "v", 1),
    ...steps(shape.length, tileRows).flatMap((query) => [
      scores(shape, own, query, "q", 0, shape.scale),
      rowsOf(shape, own, "softmaxRows", query),
      ...mix(shape, own, query, { scores: 0, packed: 1, to: "out", scale: 1 }),
    ]),
  ];
}

function backwardHead(shape: AttentionShape, first: number): Entry[] {
  const own = layout(shape, first, true);
  const { length, scale } = shape;
  return [
    ...packTransposed(shape, own, "k", 0),
    ...packTransposed(shape, own, "v", 1),
    ...pack(shape, own, "k", 2),
    ...pack(shape, own, "g", 3),
    ...pack(shape, own, "q", 4),
    ...steps(length, tileRows).flatMap((query) => [
      scores(shape, own, query, "q", 0, scale),
      rowsOf(shape, own, "softmaxRows", query),
      scores(shape, own, query, "g", 1, 1),
      rowsOf(shape, own, "softmaxGradientRows", query),
      ...mix(shape, own, query, { scores: 1, packed: 2, to: "dq", scale }),
    ]),
    ...steps(length, tileRows).flatMap((key) => [
      ...gather(shape, own, key, { scores: 0, packed: 3, to: "dv", scale: 1 }),
      ...gather(shape, own, key, { scores: 1, packed: 4, to: "dk", scale }),
    ]),
  ];
}

const steps = (length: number, step: number): number[] =>
  Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step);
