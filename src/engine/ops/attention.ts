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
import { composed } from "./composed.ts";
import { customGradient } from "./custom-gradient.ts";
import { scalar } from "./emit.ts";
import { matmul } from "./matmul.ts";
import { concat, reshape, slice } from "./movement.ts";
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
  /**
   * A query sees keys up to its own position, the last query standing at the last key; not together with `bias`.
   * Cheaper than `causalBias`: queries go in blocks, and a block never meets the keys behind it. Default false.
   */
  readonly causal?: boolean;
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
  checkAttention(q, k, v, options);
  const scale = options.scale ?? 1 / Math.sqrt(Number(q.shape[3]));
  const [T, S] = [q.shape[2]!, k.shape[2]!];
  if (options.causal !== true) return withGradient(oneBlock(q, k, v, options.bias, scale), [q, k, v, options.bias]);
  const inBlocks = typeof T === "number" && typeof S === "number" && T >= 2 * queryBlock && S >= T;
  const made = inBlocks ? causalBlocks(q, k, v, scale, T, S) : oneBlock(q, k, v, causalBias(q, T, S), scale);
  return withGradient(named(made, [q, k, v], scale), [q, k, v]);
}

/** One block of queries against some keys: its result, and the gradients of what it read. */
interface AttendedBlock {
  readonly output: Tensor; // (B, H, t, E)
  backward(g: Tensor): { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor; readonly scores: Tensor };
}

function attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | undefined, scale: number): AttendedBlock {
  const [B, H, T] = q.shape as [Dim, Dim, Dim];
  const [, G, S] = k.shape as [Dim, Dim, Dim];
  // The query heads of one group share a key head: laid end to end they form one longer matrix.
  const rows = multiplyDims(divideDims(H, G)!, T);
  const grouped = (x: Tensor) => reshape(x, [B, G, rows, x.shape[3]!]);
  const queries = grouped(q); // (B, G, H/G·T, D)
  const scores = reshape(matmul(queries, k, { transposeB: true, scale }), [B, H, T, S]);
  const weights = softmax(bias === undefined ? scores : add(scores, bias)); // (B, H, T, S)
  const flat = reshape(weights, [B, G, rows, S]);
  const mixed = matmul(flat, v); // (B, G, H/G·T, E)
  return {
    output: reshape(mixed, [B, H, T, v.shape[3]!]),
    backward(gradient) {
      const g = grouped(gradient);
      const spread = matmul(g, v, { transposeB: true });
      // Σ over S of P·dP equals Σ over E of dO·O, which is S/E times smaller (Dao et al. 2022).
      const center = sum(mul(g, mixed), { axes: -1, keepDims: true });
      const forScores = mul(flat, sub(spread, center)); // (B, G, H/G·T, S)
      return {
        q: reshape(matmul(forScores, k, { scale }), q.shape),
        k: matmul(forScores, queries, { transposeA: true, scale }),
        v: matmul(flat, g, { transposeA: true }),
        scores: reshape(forScores, [B, H, T, S]),
      };
    },
  };
}

/** A result, and from the gradient of it those of what it read. */
interface Attended {
  readonly output: Tensor;
  backward(g: Tensor): readonly Tensor[];
}

const withGradient = ({ output, backward }: Attended, parameters: readonly (Tensor | undefined)[]): Tensor =>
  customGradient(
    [output],
    parameters.filter((each) => each !== undefined),
    ([g]) => backward(g!),
  )[0]!;

/** The same, with a name for backends that have causal attention as one op. */
const named = ({ output, backward }: Attended, operands: readonly Tensor[], scale: number): Attended => ({
  output: composed([output], operands, { piece: "causalAttention", scale })[0]!,
  backward: (g) => composed(backward(g).slice(0, 3), [...operands, g], { piece: "causalAttentionGradient", scale }),
});

function oneBlock(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | undefined, scale: number): Attended {
  const block = attend(q, k, v, bias, scale);
  return {
    output: block.output,
    backward(g) {
      const found = block.backward(g);
      return [found.q, found.k, found.v, ...(bias ? [sumTo(found.scores, bias.shape)] : [])];
    },
  };
}

/** Queries a block: large enough for the matrix products, small enough to skip most of what the mask forbids. */
const queryBlock = 128;

function causalBlocks(q: Tensor, k: Tensor, v: Tensor, scale: number, T: number, S: number): Attended {
  const starts = Array.from({ length: Math.ceil(T / queryBlock) }, (_, i) => i * queryBlock);
  const blocks = starts.map((start) => {
    const end = Math.min(start + queryBlock, T);
    const visible = S - T + end;
    const part = (x: Tensor) => slice(x, 2, 0, visible);
    const bias = causalBias(q, end - start, visible);
    return { visible, ...attend(slice(q, 2, start, end), part(k), part(v), bias, scale) };
  });
  const output = concat(
    blocks.map((block) => block.output),
    2,
  );
  return {
    output,
    backward(g) {
      const found = blocks.map((block, i) =>
        block.backward(slice(g, 2, starts[i]!, Math.min(starts[i]! + queryBlock, T))),
      );
      return [
        concat(
          found.map((each) => each.q),
          2,
        ),
        sumOfPrefixes(found.map((each) => each.k)),
        sumOfPrefixes(found.map((each) => each.v)),
      ];
    },
  };
}

/**
 * Σ of tensors [B, G, s, D] of growing s, each padded with zeros behind. Built back to front, so that every element
 * is added once for each block that saw it and nothing is padded: the part only the last block saw is cut off first.
 */
function sumOfPrefixes(parts: readonly Tensor[]): Tensor {
  const pieces: Tensor[] = [];
  let rest = parts.at(-1)!;
  for (let i = parts.length - 2; i >= 0; i--) {
    const size = parts[i]!.shape[2]!;
    pieces.unshift(slice(rest, 2, size));
    rest = add(slice(rest, 2, 0, size), parts[i]!);
  }
  return concat([rest, ...pieces], 2);
}

function checkAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): void {
  const [B, H, , D] = q.shape as [Dim, Dim, Dim, Dim];
  const [, G, S] = k.shape as [Dim, Dim, Dim];
  const fits = sameShape([B, G, S], v.shape.slice(0, 3)) && k.shape[0] === B && k.shape[3] === D;
  if (q.shape.length !== 4 || k.shape.length !== 4 || v.shape.length !== 4 || divideDims(H, G) === undefined || !fits) {
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
  if (options.causal && options.bias !== undefined) {
    throw new CongError(
      "BAD_ARGUMENT",
      "attention: got both causal and bias",
      {},
      "add causalBias to the bias and leave causal out",
    );
  }
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
