/**
 * Attention while generating: keys and values of earlier tokens wait in a cache of fixed capacity.
 *
 * The cache is state of the program ([B, G, capacity, D]); a run writes T new rows at a run-time position and attends
 * over the rows written so far. Functions return the next cache and leave the assigning to the caller, so that they
 * work on any tensor. B batch, T new tokens, G key/value heads, D head size.
 */
import {
  add,
  cacheAttention,
  cacheWrite,
  type Dim,
  type HostTensor,
  hostTensor,
  iota,
  lessOrEqual,
  maskBias,
  reshape,
  type Tensor,
  type TensorSpec,
} from "../engine/index.ts";
import { checkInteger } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import {
  type Attention,
  type HeadOptions,
  type KeysAndValues,
  projectHeads,
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
 * `cache` with `fresh` in the rows from `start` on. Assigned to the cache's state, it is written in place.
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
  return cacheWrite(cache, fresh, start);
}

export interface CachedAttentionInputs extends HeadOptions {
  /** Keys and values so far. */
  readonly cache: KeysAndValues<Tensor>;
  /** int64 [1]: position of the first of the T tokens, which is the number of rows written before. */
  readonly start: Tensor;
  /**
   * Which of the rows written so far a token sees; broadcasts to [B, H, T, capacity]. Default: those up to its own, which
   * is cheaper than `cacheBias`. For padding, or a prompt that is seen as a whole.
   */
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
  const { bias, scale } = options;
  const mixed = cacheAttention(projectQueries(parameters, x, options), next.key, next.value, start, {
    ...(bias === undefined ? {} : { bias }),
    ...(scale === undefined ? {} : { scale }),
  });
  return { output: projectHeads(parameters, mixed), cache: next };
}

/** Makes the state slots of a cache hold `next` after the run. */
export function assignCache(cache: KeysAndValues<Tensor>, next: KeysAndValues<Tensor>): void {
  cache.key.builder.assign(cache.key, next.key);
  cache.value.builder.assign(cache.value, next.value);
}
