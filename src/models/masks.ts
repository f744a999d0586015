/** Masks for batches of unequal texts. B batch, T length; 1 marks a token, 0 padding. */
import { and, type Dim, greaterOrEqual, iota, lessOrEqual, maskBias, reshape, type Tensor } from "../engine/index.ts";
import type { ModelFamily } from "./family.ts";

/**
 * Score bias [B, 1, T, T] that hides padding, besides what the family's own mask hides.
 * @param mask int64 [B, T]
 */
export function paddingBias(mask: Tensor, kind: ModelFamily["mask"]): Tensor {
  const [B, T] = mask.shape as [Dim, Dim];
  const isToken = reshape(greaterOrEqual(mask, 1), [B, 1, 1, T]);
  if (kind === "full") return maskBias(isToken);
  const keys = iota(mask.builder, T);
  const isPast = lessOrEqual(keys, reshape(iota(mask.builder, T), [T, 1])); // (T, T)
  return maskBias(and(isToken, isPast));
}
