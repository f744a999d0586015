/** Positions and masks when the caller gives none. T new tokens, P prefix, S = P + T or the cache's capacity. */
import { type Dim, expand, iota, type Tensor } from "../engine/index.ts";
import { type KeysAndValues, positionsFrom } from "../nn/index.ts";
import { CongError } from "../support/index.ts";
import type { ForwardInputs } from "./family.ts";

/** The positions given, or 0 … T − 1, or those after the cache's rows. int64, [T], [B, T] or as given. */
export function positionsOf({ ids, positions, cache }: ForwardInputs): Tensor {
  if (positions !== undefined) return positions;
  const T = ids.shape[1]!;
  return cache === undefined ? iota(ids.builder, T) : positionsFrom(cache.start, T);
}

/** The bias given; none means causal, which sees all of a prefix or cache. */
export function biasOf({ bias, cache, prefix }: ForwardInputs): Tensor | undefined {
  if (cache !== undefined && prefix !== undefined) {
    throw new CongError(
      "BAD_ARGUMENT",
      "forward: got both a cache and a prefix",
      {},
      "write the prefix into the first rows of the cache and start after it",
    );
  }
  return bias;
}

/** Layer i's prefix [1 or B, G, P, D] for every row of the batch. */
export function prefixOf({ ids, prefix }: ForwardInputs, i: number): KeysAndValues<Tensor> | undefined {
  const own = prefix?.[i];
  if (own === undefined) return undefined;
  const B: Dim = ids.shape[0]!;
  const wide = (x: Tensor) => (x.shape[0] === B ? x : expand(x, [B, ...x.shape.slice(1)]));
  return { key: wide(own.key), value: wide(own.value) };
}
