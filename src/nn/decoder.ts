/**
 * A small causal language model: the Llama architecture (RMS norms, SwiGLU, half-split rotary positions, no biases)
 * with the output layer tied to the embedding. The quick start trains it and the benchmark measures it.
 *
 * The rotary tables are built once and shared by all layers. B batch, T length, C hidden, V vocabulary.
 */
import {
  type Dim,
  flattenTree,
  type HostTensor,
  iota,
  linearCrossEntropy,
  mapTree,
  recompute,
  reshape,
  type Tensor,
} from "../engine/index.ts";
import { checkDivides, checkInteger, checkRange } from "../support/checks.ts";
import type { Random } from "../support/random.ts";
import { type Block, type BlockInputs, block, initBlock } from "./block.ts";
import { type DropoutOptions, dropoutLayer } from "./dropout.ts";
import { type Embedding, embedding, initEmbedding, tiedLogits } from "./embedding.ts";
import { normal } from "./initialize.ts";
import { initRmsNorm, type RmsNorm, rmsNormLayer } from "./norm.ts";
import {
  type RotaryTables,
  rotaryConstants,
  rotaryFrequencies,
  rotaryTables,
  rotaryTablesInGraph,
} from "./rotary-tables.ts";

/** Parameters of the model. */
export type Decoder<Leaf> = {
  readonly embedding: Embedding<Leaf>;
  readonly layers: readonly Block<Leaf>[];
  readonly norm: RmsNorm<Leaf>;
};

export interface DecoderConfig {
  /** Number of tokens V. */
  readonly vocabulary: number;
  /** Channels C. */
  readonly hidden: number;
  readonly layers: number;
  /** Query heads; hidden / heads must be even. */
  readonly heads: number;
  /** Key/value heads. Default `heads`. */
  readonly keyValueHeads?: number;
  /** Channels inside the feed-forward layers. */
  readonly feedForward: number;
  /** ε of the RMS norms. Default 1e-5. */
  readonly normEpsilon?: number;
  /** Base of the rotary frequencies. Default 10000. */
  readonly rotaryBase?: number;
}

/**
 * Fresh parameters: N(0, 0.02²), and for the projections into the residual stream 0.02/√(2·layers), so that the stream
 * does not grow with depth (GPT-2, Radford et al. 2019).
 * @throws CongError `BAD_ARGUMENT` when sizes do not fit together
 */
export function initDecoder(config: DecoderConfig, random: Random): Decoder<HostTensor> {
  checkDecoder(config);
  const { vocabulary, hidden, layers } = config;
  const initializer = normal({ std: 0.02 });
  const outputInitializer = normal({ std: 0.02 / Math.sqrt(2 * layers) });
  return {
    embedding: initEmbedding({ vocabulary, hidden, initializer }, random),
    layers: Array.from({ length: layers }, () => initBlock({ ...config, initializer, outputInitializer }, random)),
    norm: initRmsNorm(hidden),
  };
}

function checkDecoder(config: DecoderConfig): void {
  const { vocabulary, hidden, layers, heads, keyValueHeads = heads, feedForward, normEpsilon = 1e-5 } = config;
  checkInteger("initDecoder", { vocabulary, hidden, layers, heads, keyValueHeads, feedForward }, { min: 1 });
  checkDivides("initDecoder", { heads, "2 · heads": 2 * heads }, { hidden });
  checkDivides("initDecoder", { keyValueHeads }, { heads });
  checkRange("initDecoder", { normEpsilon }, { min: 0 });
}

/** What the model is told besides its parameters; a `DecoderConfig` will do. */
export interface DecoderOptions {
  readonly heads: number;
  /** Default 1e-5. */
  readonly normEpsilon?: number;
  /** Default 10000. */
  readonly rotaryBase?: number;
  /** After the embedding and on what each half of a block adds; none in evaluation. */
  readonly dropout?: DropoutOptions;
  /** Compute the inside of each block again in the backward pass: less memory, about a third more time. Default false. */
  readonly recompute?: boolean;
}

/** Hidden states after the final norm. tokens [B, T] (int32 or int64) → [B, T, C]. */
export function decoderHidden(parameters: Decoder<Tensor>, tokens: Tensor, options: DecoderOptions): Tensor {
  const { builder } = tokens;
  const { heads, normEpsilon: epsilon = 1e-5 } = options;
  const T = tokens.shape[1]!;
  const rotary = builder.scope("positions", () => tablesOf(parameters, T, options, tokens));
  let x = builder.scope("embedding", () => dropoutLayer(embedding(parameters.embedding, tokens), options.dropout));
  parameters.layers.forEach((layer, i) => {
    const inputs: BlockInputs = { heads, rotary, causal: true, epsilon, dropout: options.dropout };
    x = builder.scope(`layers.${i}`, () => (options.recompute ? recomputed : block)(layer, x, inputs));
  });
  return builder.scope("norm", () => rmsNormLayer(parameters.norm, x, { epsilon }));
}

/** Tables for positions 0 … T − 1: literals for a length known now, else computed in the graph. */
function tablesOf(parameters: Decoder<Tensor>, T: Dim, options: DecoderOptions, like: Tensor): RotaryTables<Tensor> {
  const frequencies = decoderFrequencies(parameters, options);
  if (typeof T === "number") return rotaryConstants(like, rotaryTables(T, frequencies));
  return rotaryTablesInGraph(iota(like.builder, T), frequencies);
}

/** Rotary frequencies of the model's head size. */
export function decoderFrequencies(parameters: Decoder<Tensor>, { heads, rotaryBase }: DecoderOptions): number[] {
  const size = Number(parameters.embedding.weight.shape[1]) / heads;
  return rotaryFrequencies({ size, ...(rotaryBase === undefined ? {} : { base: rotaryBase }) });
}

/** `block` that keeps only its input for the backward pass. */
function recomputed(parameters: Block<Tensor>, x: Tensor, inputs: BlockInputs): Tensor {
  const leaves = flattenTree<Tensor>(parameters).map(([, leaf]) => leaf);
  const [output] = recompute(
    ([first, ...rest]) => {
      let at = 0;
      const own = mapTree<Tensor, Tensor, Block<Tensor>>(parameters, () => rest[at++]!);
      return [block(own, first!, inputs)];
    },
    [x, ...leaves],
  );
  return output!;
}

/** Logits of every position. tokens [B, T] → [B, T, V]. */
export const decoderLogits = (parameters: Decoder<Tensor>, tokens: Tensor, options: DecoderOptions): Tensor =>
  hiddenLogits(parameters, decoderHidden(parameters, tokens, options));

/** Logits from hidden states [B, T, C], for callers that want only some positions. */
export const hiddenLogits = (parameters: Decoder<Tensor>, hidden: Tensor): Tensor =>
  hidden.builder.scope("output", () => tiedLogits(parameters.embedding, hidden));

/**
 * Mean cross-entropy of the next token, in nats.
 * @param tokens [B, T]
 * @param targets [B, T], the token after each token; −100 where nothing is asked
 */
export function decoderLoss(
  parameters: Decoder<Tensor>,
  tokens: Tensor,
  targets: Tensor,
  options: DecoderOptions,
): Tensor {
  const hidden = decoderHidden(parameters, tokens, options);
  return tokens.builder.scope("loss", () => {
    const rows = reshape(hidden, [-1, hidden.shape[2]!]); // (B·T, C)
    return linearCrossEntropy(rows, parameters.embedding.weight, reshape(targets, [-1]));
  });
}
