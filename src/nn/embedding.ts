/**
 * Token embedding, and the output layer that shares its weight (Press & Wolf 2017).
 *
 * For a loss over tied logits use `linearCrossEntropy(hidden, embedding.weight, targets)` of the engine instead: it
 * never makes a gradient of the size of the logits.
 */
import { gather, type HostTensor, matmul, type Tensor } from "../engine/index.ts";
import { checkInteger } from "../support/checks.ts";
import type { Random } from "../support/random.ts";
import { type Initializer, normal } from "./initialize.ts";

/** Parameters of an embedding. */
export type Embedding<Leaf> = {
  /** [V, C] */
  readonly weight: Leaf;
};

export interface EmbeddingOptions {
  /** Number of rows V. */
  readonly vocabulary: number;
  /** Channels C of a row. */
  readonly hidden: number;
  /** Default N(0, 0.02²), as in GPT-2. */
  readonly initializer?: Initializer;
}

/** Fresh parameters. */
export function initEmbedding(options: EmbeddingOptions, random: Random): Embedding<HostTensor> {
  const { vocabulary, hidden, initializer = normal({ std: 0.02 }) } = options;
  checkInteger("initEmbedding", { vocabulary, hidden }, { min: 1 });
  return { weight: initializer([vocabulary, hidden], random) };
}

/** Rows of the table: ids [...] (int32 or int64, below V) → [..., C]. */
export const embedding = (parameters: Embedding<Tensor>, ids: Tensor): Tensor => gather(parameters.weight, ids);

/** Logits of an output layer tied to the embedding: x [..., C] → x·Wᵀ [..., V]. */
export const tiedLogits = (parameters: Embedding<Tensor>, x: Tensor): Tensor =>
  matmul(x, parameters.weight, { transposeB: true });
