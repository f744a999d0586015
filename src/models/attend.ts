/**
 * Attention over heads that a family projected itself (fused projections, two position rows): prefix, cache and mask as
 * for the others. B batch, T new tokens, S tokens attended to, H heads, D head size.
 */
import { attention, cacheAttention, concat, reshape, type Tensor, transpose } from "../engine/index.ts";
import { type KeysAndValues, writeCache } from "../nn/index.ts";
import type { ForwardInputs } from "./family.ts";
import { prefixOf } from "./positions.ts";

export interface Heads {
  /** Each [B, T, H, D], rotated where the family rotates. */
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}

/** Mixed heads [B, T, H·D] of layer `i`, and its next cache. Without `bias`: causal. */
export function attendHeads(
  heads: Heads,
  inputs: ForwardInputs,
  i: number,
  bias: Tensor | undefined,
): { readonly output: Tensor; readonly cache?: KeysAndValues<Tensor> } {
  const query = headsFirst(heads.query); // (B, H, T, D)
  const own = { key: headsFirst(heads.key), value: headsFirst(heads.value) };
  const joined = withEarlier(own, inputs, i);
  const mixed = headsFirst(
    inputs.cache === undefined
      ? attention(query, joined.key, joined.value, bias === undefined ? { causal: true } : { bias })
      : cacheAttention(query, joined.key, joined.value, inputs.cache.start, bias === undefined ? {} : { bias }),
  ); // (B, T, H, D)
  const output = reshape(mixed, [...mixed.shape.slice(0, 2), -1]);
  return inputs.cache === undefined ? { output } : { output, cache: joined };
}

/** The new keys and values behind the prefix, or inside the cache. */
function withEarlier(own: KeysAndValues<Tensor>, inputs: ForwardInputs, i: number): KeysAndValues<Tensor> {
  const { cache } = inputs;
  if (cache !== undefined) {
    const { key, value } = cache.layers[i]!;
    return { key: writeCache(key, own.key, cache.start), value: writeCache(value, own.value, cache.start) };
  }
  const prefix = prefixOf(inputs, i);
  if (prefix === undefined) return own;
  return { key: concat([prefix.key, own.key], 2), value: concat([prefix.value, own.value], 2) };
}

/** [B, T, H, D] ⇄ [B, H, T, D] */
const headsFirst = (x: Tensor): Tensor => transpose(x, [0, 2, 1, 3]);
