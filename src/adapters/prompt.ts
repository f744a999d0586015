/**
 * Learned embeddings before the text (prompt tuning, Lester et al. 2021) in a graph: rows behind the vocabulary's
 * embedding, whose ids stand before the text's. The output layer keeps the vocabulary alone.
 *
 * B rows, T tokens, P virtual tokens, C hidden, V vocabulary.
 */
import { add, concat, expand, iota, reshape, type Tensor, type Tree } from "../engine/index.ts";
import { CongError } from "../support/errors.ts";

/** The part of a decoder's tree that prompt tuning knows. */
type Embedded<Leaf> = { readonly model: { readonly embed_tokens: { readonly weight: Leaf } } };

/**
 * The weight [V, C] of the embedding, which prompt tuning extends.
 * @throws CongError `BAD_ARGUMENT` for families without `model.embed_tokens`
 */
export function embeddingOf<Leaf extends object>(parameters: Tree<Leaf>, family: string): Leaf {
  const found = (parameters as unknown as Partial<Embedded<Leaf>>).model?.embed_tokens?.weight;
  if (found !== undefined) return found;
  throw new CongError(
    "BAD_ARGUMENT",
    `prompt tuning knows no embedding in the family ${family}`,
    { family },
    "it works for decoders with model.embed_tokens; use lora or ptuning-v2",
  );
}

/** The tree with another embedding. */
export function withEmbedding<Leaf extends object>(parameters: Tree<Leaf>, weight: Leaf): Tree<Leaf> {
  const own = parameters as unknown as Embedded<Leaf>;
  return { ...own, model: { ...own.model, embed_tokens: { weight } } } as unknown as Tree<Leaf>;
}

/** Tree and ids of a text with its virtual tokens in front: what the model's `forward` is given. */
export function withPrompt(
  parameters: Tree<Tensor>,
  prompt: Tensor,
  ids: Tensor,
  { family, vocabulary }: { readonly family: string; readonly vocabulary: number },
): { readonly parameters: Tree<Tensor> /** int64 [B, P + T] */; readonly ids: Tensor } {
  const [rows, length] = [ids.shape[0]!, prompt.shape[0]!];
  const wide = concat([embeddingOf(parameters, family), prompt], 0); // (V + P, C)
  const virtual = expand(reshape(add(iota(ids.builder, length), vocabulary), [1, length]), [rows, length]);
  return { parameters: withEmbedding(parameters, wide), ids: concat([virtual, ids], 1) };
}
