/**
 * Embedding of a bag of features: the weighted sum of their rows, in no order. What FastText (Joulin et al. 2017) and
 * linear models over n-grams read texts with; PyTorch's `EmbeddingBag` with `per_sample_weights`.
 */
import { gather, matmul, reshape, type Tensor } from "../engine/index.ts";
import type { Embedding } from "./embedding.ts";

/**
 * Σₘ weights[b, m] · table[ids[b, m]].
 *
 * A weight of 0 makes a slot empty: bags of different sizes are filled up with any id at weight 0, and a feature is
 * dropped the same way. 1 for each gives the sum, 1/size the mean.
 * @param ids int32 or int64 [B, M]
 * @param weights float32 [B, M]
 * @returns [B, C]
 */
export function embeddingBag({ weight }: Embedding<Tensor>, ids: Tensor, weights: Tensor): Tensor {
  const [bags, slots] = ids.shape;
  const rows = gather(weight, ids); // (B, M, C)
  // A product with the weights never forms the weighted rows.
  const sums = matmul(reshape(weights, [bags!, 1, slots!]), rows); // (B, 1, C)
  return reshape(sums, [bags!, weight.shape[1]!]);
}
