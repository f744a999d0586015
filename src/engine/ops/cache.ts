/**
 * Reading and writing a cache of keys and values while generating. Only what was written is touched, so the cost of a
 * step does not grow with the cache's capacity.
 *
 * Shapes: B batch, T new tokens, S capacity, H query heads, G key/value heads, D head size. `start` is the number of
 * rows written before, and so the row of the first new token.
 */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { divideDims } from "../graph/dims.ts";
import type { TensorType } from "../graph/graph.ts";
import { type KernelCall, notDifferentiable, type OpDefinition, requireDType } from "../graph/op.ts";
import { broadcastShapes, sameShape, showShape } from "../graph/shape.ts";
import { emit } from "./emit.ts";
import { broadcastStrides } from "./indexing.ts";

export type CacheWriteParams = Readonly<Record<string, never>>;

export interface CacheAttentionParams {
  readonly scale: number;
  readonly causal: boolean;
}

export interface CacheAttentionOptions {
  /** Added to the scores; broadcasts to [B, H, T, S]. It then decides alone which of the written rows are seen. */
  readonly bias?: Tensor;
  /** Factor on q·k. Default 1/√D. */
  readonly scale?: number;
}

const generating = "a cache is for generating, not for training";

export const cacheWriteOp: OpDefinition<CacheWriteParams> = {
  name: "cacheWrite",
  infer: ([cache, fresh, start]) => {
    requireStart("cacheWrite", start!);
    requireDType("cacheWrite", fresh!, [cache!.dtype], "new rows");
    const [B, G, , D] = cache!.shape;
    const [, , T] = fresh!.shape;
    const fits = cache!.shape.length === 4 && fresh!.shape.length === 4 && sameShape(fresh!.shape, [B!, G!, T!, D!]);
    if (fits && !(typeof T === "number" && typeof cache!.shape[2] === "number" && T > cache!.shape[2])) return [cache!];
    throw new CongError(
      "SHAPE_MISMATCH",
      `cacheWrite: new rows ${showShape(fresh!.shape)} do not fit the cache ${showShape(cache!.shape)}`,
      { cache: cache!.shape, fresh: fresh!.shape },
      "wanted [B, G, T, D] with the cache's B, G and D, and T no more than its capacity",
    );
  },
  gradient: notDifferentiable(generating),
  overwrites: true,
  evaluate: ({ inputs: [cache, fresh, start], outputs: [y] }) => {
    const [B, G, S, D] = cache!.shape as [number, number, number, number];
    const T = fresh!.shape[2]!;
    const first = start!.data[0]!;
    y!.data.set(cache!.data);
    for (let head = 0; head < B * G; head++) {
      for (let t = 0; t < T && first + t < S; t++) {
        const row = fresh!.data.subarray((head * T + t) * D, (head * T + t + 1) * D);
        y!.data.set(row, (head * S + first + t) * D);
      }
    }
  },
};

export const cacheAttentionOp: OpDefinition<CacheAttentionParams> = {
  name: "cacheAttention",
  infer: ([q, k, v, start, bias]) => {
    for (const [type, role] of [
      [q!, "queries"],
      [k!, "keys"],
      [v!, "values"],
    ] as const) {
      requireDType("cacheAttention", type, ["float32"], role);
    }
    requireStart("cacheAttention", start!);
    const [B, H, T, D] = q!.shape;
    const [, G, S] = k!.shape;
    const ranks = [q!, k!, v!].every(({ shape }) => shape.length === 4);
    const fits = ranks && sameShape(k!.shape, [B!, G!, S!, D!]) && sameShape(v!.shape.slice(0, 3), [B!, G!, S!]);
    if (!fits || divideDims(H!, G!) === undefined) {
      throw new CongError(
        "SHAPE_MISMATCH",
        `cacheAttention: q ${showShape(q!.shape)}, k ${showShape(k!.shape)}, v ${showShape(v!.shape)}`,
        { q: q!.shape, k: k!.shape, v: v!.shape },
        "wanted q [B, H, T, D], k [B, G, S, D], v [B, G, S, E] with H a multiple of G",
      );
    }
    if (bias !== undefined) {
      requireDType("cacheAttention", bias, ["float32"], "bias");
      const scores = [B!, H!, T!, S!];
      if (!sameShape(broadcastShapes("cacheAttention (bias)", [bias.shape, scores]), scores)) {
        throw new CongError(
          "SHAPE_MISMATCH",
          `cacheAttention: the bias ${showShape(bias.shape)} does not broadcast to ${showShape(scores)}`,
          { bias: bias.shape },
          "wanted a shape that broadcasts to [B, H, T, S]",
        );
      }
    }
    return [{ dtype: "float32", shape: [B!, H!, T!, v!.shape[3]!] }];
  },
  gradient: notDifferentiable(generating),
  evaluate: cacheAttentionKernel,
};

function requireStart(op: string, start: TensorType): void {
  requireDType(op, start, ["int64"], "start");
  if (sameShape(start.shape, [1])) return;
  throw new CongError("SHAPE_MISMATCH", `${op}: start has shape ${showShape(start.shape)}`, {}, "wanted [1]");
}

function cacheAttentionKernel({
  inputs: [q, k, v, start, bias],
  outputs: [y],
  params: { scale, causal },
}: KernelCall<CacheAttentionParams>): void {
  const [B, H, T, D] = q!.shape as [number, number, number, number];
  const [, G, S] = k!.shape as [number, number, number];
  const E = v!.shape[3]!;
  const first = start!.data[0]!;
  const strides = bias === undefined ? undefined : broadcastStrides(bias.shape, [B, H, T, S]);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const head = (b * G + Math.floor((h * G) / H)) * S;
      for (let t = 0; t < T; t++) {
        const row = (b * H + h) * T + t;
        const seen = Math.min(S, causal ? first + t + 1 : first + T);
        const scores = Float64Array.from({ length: seen }, (_, j) => {
          let dot = 0;
          for (let d = 0; d < D; d++) dot += q!.data[row * D + d]! * k!.data[(head + j) * D + d]!;
          if (strides === undefined) return dot * scale;
          const at = b * strides[0]! + h * strides[1]! + t * strides[2]! + j * strides[3]!;
          return dot * scale + bias!.data[at]!;
        });
        const largest = scores.reduce((a, score) => Math.max(a, score), Number.NEGATIVE_INFINITY);
        const weights = scores.map((score) => Math.exp(score - largest));
        const total = weights.reduce((a, weight) => a + weight, 0);
        for (let e = 0; e < E; e++) {
          let mixed = 0;
          for (let j = 0; j < seen; j++) mixed += weights[j]! * v!.data[(head + j) * E + e]!;
          y!.data[row * E + e] = mixed / total;
        }
      }
    }
  }
}

/**
 * `cache` [B, G, S, D] with `fresh` [B, G, T, D] in the rows from `start` (int64 [1]) on. Rows beyond the capacity are
 * lost. Where the old cache is not read again, a backend writes in place.
 */
export const cacheWrite = (cache: Tensor, fresh: Tensor, start: Tensor): Tensor =>
  emit(cacheWriteOp, [cache, fresh, start], {});

/**
 * softmax(q·kᵀ·scale + bias)·v over the rows written so far: token t of T sees rows 0 … start + t, or with a `bias` the
 * rows 0 … start + T − 1 as the bias says. Other rows are not read.
 * @param q [B, H, T, D]
 * @param k [B, G, S, D], the T new rows written already; query head h uses key head ⌊h·G/H⌋
 * @param v [B, G, S, E]
 * @param start int64 [1]
 * @returns [B, H, T, E]
 */
export function cacheAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  start: Tensor,
  options: CacheAttentionOptions = {},
): Tensor {
  const { bias, scale = 1 / Math.sqrt(Number(q.shape[3])) } = options;
  return emit(cacheAttentionOp, [q, k, v, start, ...(bias === undefined ? [] : [bias])], {
    scale,
    causal: bias === undefined,
  });
}
