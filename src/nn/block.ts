/**
 * The pre-norm transformer block of Llama and of most models since: h = x + attention(norm(x)), y = h + mlp(norm(h)).
 *
 * B batch, T length, C hidden.
 */
import { add, type HostTensor, type Tensor } from "../engine/index.ts";
import type { Random } from "../support/random.ts";
import {
  type Attention,
  type AttentionInputs,
  type AttentionLayerOptions,
  attentionLayer,
  initAttention,
  type KeysAndValues,
} from "./attention.ts";
import { type CachedAttentionInputs, cachedAttention } from "./attention-cache.ts";
import { type DropoutOptions, dropoutLayer } from "./dropout.ts";
import { type GatedMlp, gatedMlp, initGatedMlp } from "./mlp.ts";
import { initRmsNorm, type NormOptions, type RmsNorm, rmsNormLayer } from "./norm.ts";

/** Parameters of a block. */
export type Block<Leaf> = {
  readonly attentionNorm: RmsNorm<Leaf>;
  readonly attention: Attention<Leaf>;
  readonly mlpNorm: RmsNorm<Leaf>;
  readonly mlp: GatedMlp<Leaf>;
};

export interface BlockOptions extends AttentionLayerOptions {
  /** Channels inside the feed-forward layer. */
  readonly feedForward: number;
}

/** Fresh parameters; the initialisers apply to both halves, biases to attention only. */
export function initBlock(options: BlockOptions, random: Random): Block<HostTensor> {
  return {
    attentionNorm: initRmsNorm(options.hidden),
    attention: initAttention(options, random),
    mlpNorm: initRmsNorm(options.hidden),
    mlp: initGatedMlp(
      {
        hidden: options.hidden,
        feedForward: options.feedForward,
        initializer: options.initializer,
        outputInitializer: options.outputInitializer,
      },
      random,
    ),
  };
}

export interface BlockInputs extends AttentionInputs, NormOptions {
  /** On what both halves add to x. */
  readonly dropout?: DropoutOptions | undefined;
}

/** A SwiGLU block over whole sequences. x [B, T, C] → [B, T, C]. */
export function block(parameters: Block<Tensor>, x: Tensor, options: BlockInputs): Tensor {
  const attended = x.builder.scope("attention", () =>
    dropoutLayer(
      attentionLayer(parameters.attention, rmsNormLayer(parameters.attentionNorm, x, options), options),
      options.dropout,
    ),
  );
  return addMlp(parameters, add(x, attended), options);
}

/** The block for T new tokens with a cache. x [B, T, C] → [B, T, C], and the cache to keep. */
export function cachedBlock(
  parameters: Block<Tensor>,
  x: Tensor,
  options: CachedAttentionInputs & NormOptions,
): { readonly output: Tensor; readonly cache: KeysAndValues<Tensor> } {
  const attended = x.builder.scope("attention", () =>
    cachedAttention(parameters.attention, rmsNormLayer(parameters.attentionNorm, x, options), options),
  );
  return { output: addMlp(parameters, add(x, attended.output), options), cache: attended.cache };
}

function addMlp(
  parameters: Block<Tensor>,
  x: Tensor,
  options: NormOptions & { readonly dropout?: DropoutOptions | undefined },
): Tensor {
  const change = x.builder.scope("mlp", () =>
    dropoutLayer(gatedMlp(parameters.mlp, rmsNormLayer(parameters.mlpNorm, x, options)), options.dropout),
  );
  return add(x, change);
}
