/**
 * Token embedding, and the output layer that shares its weight (Press & Wolf 2017).
 *
 * For a loss over tied logits use `linearCrossEntropy(hidden, embedding.weight, targets)` of the engine instead: it
 * never makes a gradient of the size of the logits.
 */
import { cast, gather, type HostTensor, mul, reshape, sub, type Tensor } from "../engine/index.ts";
import { checkInteger } from "../support/checks.ts";
import type { Random } from "../support/random.ts";
import { type Initializer, normal } from "./initialize.ts";
import { isQuantized, linear, type QuantizedLinear } from "./linear.ts";

/** Parameters of an embedding that can be trained. */
export type Embedding<Leaf> = {
  /** [V, C] */
  readonly weight: Leaf;
};

/** An embedding, plain or frozen in 8 bits (`quantizeLinear`). */
export type AnyEmbedding<Leaf> = Embedding<Leaf> | QuantizedLinear<Leaf>;

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
export const embedding = (parameters: AnyEmbedding<Tensor>, ids: Tensor): Tensor =>
  isQuantized(parameters) ? quantizedRows(parameters, ids) : gather(parameters.weight, ids);

/** Codes of 8 bits stand for (code − 128)·scale, a scale for every 32 channels. */
function quantizedRows({ codes, scales }: QuantizedLinear<Tensor>, ids: Tensor): Tensor {
  const rows = sub(cast(gather(codes, ids), "float32"), 128); // (..., C/32, 32)
  const factors = gather(scales, ids); // (..., C/32)
  return reshape(mul(rows, reshape(factors, [...factors.shape, 1])), [...ids.shape, -1]);
}

/** Logits of an output layer tied to the embedding: x [..., C] → x·Wᵀ [..., V]. */
export const tiedLogits = (parameters: AnyEmbedding<Tensor>, x: Tensor): Tensor => linear(parameters, x);
