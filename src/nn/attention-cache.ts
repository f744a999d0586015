/**
 * Attention while generating: keys and values of earlier tokens wait in a cache of fixed capacity.
 *
 * The cache is state of the program ([B, G, capacity, D]); a run writes T new rows at a run-time position and attends
 * over the rows written so far. Functions return the next cache and leave the assigning to the caller, so that they
 * work on any tensor. B batch, T new tokens, G key/value heads, D head size.
 */
import {
  add,
  and,
  type Dim,
  equal,
  gather,
  greaterOrEqual,
  type HostTensor,
  hostTensor,
  iota,
  less,
  lessOrEqual,
  maskBias,
  maximum,
  minimum,
  reshape,
  sub,
  type Tensor,
  type TensorSpec,
  where,
} from "../engine/index.ts";
import { dimensionOp } from "../engine/ops/source.ts";
import { checkInteger } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import {
  type Attention,
  type HeadOptions,
  type KeysAndValues,
  mixHeads,
  projectKeysAndValues,
  projectQueries,
} from "./attention.ts";

export interface CacheSize {
  readonly batch: number;
  /** Key/value heads G. */
  readonly keyValueHeads: number;
  /** Tokens that fit. */
  readonly capacity: number;
  /** Head size D. */
  readonly headSize: number;
}

/** Types of one layer's cache, for `builder.state`. */
export function cacheSpec(size: CacheSize): KeysAndValues<TensorSpec> {
  const { batch, keyValueHeads, capacity, headSize } = size;
  checkInteger("cacheSpec", { batch, keyValueHeads, capacity, headSize }, { min: 1 });
  const spec: TensorSpec = { dtype: "float32", shape: [batch, keyValueHeads, capacity, headSize] };
  return { key: spec, value: spec };
}

/** An empty cache for `writeState`. What it holds is never seen; zeros keep the arithmetic free of NaN. */
export function emptyCache(size: CacheSize): KeysAndValues<HostTensor> {
  const shape = cacheSpec(size).key.shape as readonly number[];
  const empty = (): HostTensor => hostTensor("float32", shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  return { key: empty(), value: empty() };
}

/** Positions of T tokens from int64 `start` [1] on: [T]. */
export const positionsFrom = (start: Tensor, T: Dim): Tensor => add(start, iota(start.builder, T));

/**
 * Score bias [T, capacity]: the token at position p sees the cache rows 0 … p. One serves all layers.
 * @param positions int64 [T], from `positionsFrom`
 */
export const cacheBias = (positions: Tensor, capacity: Dim): Tensor =>
  maskBias(lessOrEqual(iota(positions.builder, capacity), reshape(positions, [positions.shape[0]!, 1])));

/**
 * `cache` with `fresh` in the rows from `start` on.
 * @param cache [B, G, capacity, D]
 * @param fresh [B, G, T, D]; rows beyond the capacity are lost, so the caller watches the length
 * @param start int64 [1]
 */
export function writeCache(cache: Tensor, fresh: Tensor, start: Tensor): Tensor {
  const [capacity, T] = [cache.shape[2]!, fresh.shape[2]!];
  if (typeof T === "number" && typeof capacity === "number" && T > capacity) {
    throw new CongError(
      "SHAPE_MISMATCH",
      `writeCache: ${T} new rows for a cache of ${capacity}`,
      { capacity, length: T },
      "make the cache larger, or feed the text in parts",
    );
  }
  const rows = reshape(iota(cache.builder, capacity), [capacity, 1]);
  // The choice is made over the whole capacity; its cost is that of reading the cache once more.
  if (T === 1) return where(equal(rows, start), fresh, cache);
  const offset = sub(rows, start); // (capacity, 1): which fresh row belongs here
  const [count] = cache.builder.emit(dimensionOp, [], { dim: T, dtype: start.dtype }) as [Tensor];
  const inside = and(greaterOrEqual(offset, 0), less(offset, count));
  const nearest = minimum(maximum(offset, 0), sub(count, 1));
  return where(inside, gather(fresh, reshape(nearest, [capacity]), 2), cache);
}

export interface CachedAttentionInputs extends HeadOptions {
  /** Keys and values so far. */
  readonly cache: KeysAndValues<Tensor>;
  /** int64 [1]: position of the first of the T tokens, which is the number of rows written before. */
  readonly start: Tensor;
  /** Default `cacheBias` of these positions; make it once when there are several layers, or to hide padding too. */
  readonly bias?: Tensor | undefined;
}

/** Attention of T new tokens over everything so far. x [B, T, C] → [B, T, C], and the cache to keep. */
export function cachedAttention(
  parameters: Attention<Tensor>,
  x: Tensor,
  options: CachedAttentionInputs,
): { readonly output: Tensor; readonly cache: KeysAndValues<Tensor> } {
  const { cache, start } = options;
  const fresh = projectKeysAndValues(parameters, x, options);
  const next = { key: writeCache(cache.key, fresh.key, start), value: writeCache(cache.value, fresh.value, start) };
  const bias = options.bias ?? cacheBias(positionsFrom(start, x.shape[1]!), cache.key.shape[2]!);
  const query = projectQueries(parameters, x, options);
  return { output: mixHeads(parameters, query, next, { bias, scale: options.scale }), cache: next };
}

/** Makes the state slots of a cache hold `next` after the run. */
export function assignCache(cache: KeysAndValues<Tensor>, next: KeysAndValues<Tensor>): void {
  cache.key.builder.assign(cache.key, next.key);
  cache.value.builder.assign(cache.value, next.value);
}
