/**
 * Scaled dot-product attention (Vaswani et al. 2017) for multi-head, multi-query and grouped-query layouts.
 *
 * Shapes: B batch, T query length, S key length, H query heads, G key/value heads, D head size.
 */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { type Dim, divideDims, multiplyDims, subtractDims } from "../graph/dims.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { add, mul, sub } from "./binary.ts";
import { lessOrEqual, or } from "./compare.ts";
import { customGradient } from "./custom-gradient.ts";
import { scalar } from "./emit.ts";
import { matmul } from "./matmul.ts";
import { reshape } from "./movement.ts";
import { softmax } from "./normalize.ts";
import { sum, sumTo } from "./reduce.ts";
import { where } from "./select.ts";
import { iota } from "./sequence.ts";
import { dimensionOp } from "./source.ts";

/** Added to forbidden scores. Finite, so that a row in which everything is forbidden (padding) gives no NaN. */
export const forbiddenScore = -1e30;

export interface AttentionOptions {
  /** Added to the scores; broadcasts to [B, H, T, S]. Make one with `causalBias`, `prefixBias` or `maskBias`. */
  readonly bias?: Tensor;
  /** Factor on q·k. Default 1/√D. */
  readonly scale?: number;
}

/**
 * softmax(q·kᵀ·scale + bias)·v.
 * @param q [B, H, T, D]
 * @param k [B, G, S, D] with H a multiple of G; query head h uses key head ⌊h·G/H⌋
 * @param v [B, G, S, E]
 * @returns [B, H, T, E]
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const [B, H, T, D] = q.shape as [Dim, Dim, Dim, Dim];
  const [, G, S] = k.shape as [Dim, Dim, Dim];
  const group = divideDims(H, G);
  const fits = sameShape([B, G, S], v.shape.slice(0, 3)) && k.shape[0] === B && k.shape[3] === D;
  if (q.shape.length !== 4 || k.shape.length !== 4 || v.shape.length !== 4 || group === undefined || !fits) {
    throw new CongError(
      "SHAPE_MISMATCH",
      `attention: q ${showShape(q.shape)}, k ${showShape(k.shape)}, v ${showShape(v.shape)}`,
      { q: q.shape, k: k.shape, v: v.shape },
      "wanted q [B, H, T, D], k [B, G, S, D], v [B, G, S, E] with H a multiple of G",
    );
  }
  if (options.scale === undefined && typeof D !== "number") {
    throw new CongError(
      "UNBOUND_DIMENSION",
      `attention: the head size of q ${showShape(q.shape)} is a name, so 1/√D is not known`,
      { q: q.shape },
      "give the last axis a number, or pass options.scale",
    );
  }
  const scale = options.scale ?? 1 / Math.sqrt(Number(D));
  // The query heads of one group share a key head: laid end to end they form one longer matrix.
  const rows = multiplyDims(group, T);
  const grouped = (x: Tensor) => reshape(x, [B, G, rows, x.shape[3]!]);
  const queries = grouped(q); // (B, G, H/G·T, D)
  const scores = reshape(matmul(queries, k, { transposeB: true, scale }), [B, H, T, S]);
  const biased = options.bias === undefined ? scores : add(scores, options.bias);
  const weights = softmax(biased); // (B, H, T, S)
  const flat = reshape(weights, [B, G, rows, S]);
  const mixed = matmul(flat, v); // (B, G, H/G·T, E)
  // Σ over S of P·dP equals Σ over E of dO·O, which is S/E times smaller (Dao et al. 2022).
  const [result] = customGradient([mixed], [queries, k, v, ...(options.bias ? [options.bias] : [])], ([g]) => {
    const spread = matmul(g!, v, { transposeB: true });
    const center = sum(mul(g!, mixed), { axes: -1, keepDims: true });
    const forScores = mul(flat, sub(spread, center)); // (B, G, H/G·T, S)
    return [
      matmul(forScores, k, { scale }),
      matmul(forScores, queries, { transposeA: true, scale }),
      matmul(flat, g!, { transposeA: true }),
      ...(options.bias ? [sumTo(reshape(forScores, [B, H, T, S]), options.bias.shape)] : []),
    ];
  });
  return reshape(result!, [B, H, T, v.shape[3]!]);
}

/** 0 where a key may be seen and a very negative number elsewhere, from a bool mask. */
export const maskBias = (allowed: Tensor): Tensor =>
  where(allowed, scalar(allowed, 0, "float32"), scalar(allowed, forbiddenScore, "float32"));

/** [T, S]: a query sees keys up to its own position; the last query stands at the last key. */
export function causalBias(like: Tensor, T: Dim, S: Dim = T): Tensor {
  return maskBias(causalMask(like, T, S));
}

/** [B, 1, T, S]: as causal, but the first `prefix[b]` keys are seen by every query (GLM's prefix attention). */
export function prefixBias(prefix: Tensor, T: Dim, S: Dim = T): Tensor {
  const keys = iota(prefix.builder, S, prefix.dtype);
  const inPrefix = lessOrEqual(add(keys, 1), reshape(prefix, [prefix.shape[0]!, 1, 1, 1]));
  return maskBias(or(inPrefix, causalMask(prefix, T, S)));
}

function causalMask(like: Tensor, T: Dim, S: Dim): Tensor {
  const past = subtractDims(S, T);
  const offset =
    typeof past === "number"
      ? scalar(like, past, "int64")
      : like.builder.emit(dimensionOp, [], { dim: past, dtype: "int64" })[0]!;
  const lastVisible = reshape(add(iota(like.builder, T), offset), [T, 1]);
  return lessOrEqual(iota(like.builder, S), lastVisible);
}
