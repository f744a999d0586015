/**
 * What a model family is: a reader of its `config.json`, the names and shapes of its parameters, and a function that
 * builds its graph. Parameters are trees whose dotted paths are the names in the checkpoint
 * (`model.layers.0.self_attn.q_proj.weight`), so loading, saving, gradients and adapters need no table of names.
 *
 * B batch, T new tokens, S tokens attended to, H heads, G key/value heads, D head size, C hidden, V vocabulary.
 */
import type { Tensor, TensorSpec, Tree } from "../engine/index.ts";
import type { DropoutOptions, KeysAndValues } from "../nn/index.ts";
import type { TextLayout } from "./blank-layout.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export type ParameterTree<Leaf extends object> = Tree<Leaf>;

/** What all configurations share; a family adds its own. */
export interface ModelConfig {
  /** Name of the family in the registry. */
  readonly family: string;
  /** V, rows of the embedding. */
  readonly vocabulary: number;
  /** C */
  readonly hidden: number;
  readonly layers: number;
  /** H */
  readonly heads: number;
  /** G */
  readonly keyValueHeads: number;
  /** D */
  readonly headSize: number;
  /** Longest text the model was made for. */
  readonly contextLength: number;
  /** Generation stops at these ids. */
  readonly endIds: readonly number[];
  readonly padId?: number | undefined;
  readonly beginId?: number | undefined;
}

/** Keys and values of earlier tokens and where the next ones go; see nn/attention-cache.ts. */
export interface CacheInputs {
  /** One a layer, each [B, G, capacity, D]. */
  readonly layers: readonly KeysAndValues<Tensor>[];
  /** int64 [1]: rows written before. */
  readonly start: Tensor;
}

export interface ForwardInputs {
  /** int64 [B, T] */
  readonly ids: Tensor;
  /** int64 [B, T] or [T]; [B, 2, T] for families with two position rows. Default 0 … T − 1, or from `cache.start` on. */
  readonly positions?: Tensor | undefined;
  /**
   * Added to the scores, broadcasts to [B, H, T, S]; S counts the prefix, then the cache's capacity or the T tokens.
   * Default: the family's own mask (causal; everything for BERT).
   */
  readonly bias?: Tensor | undefined;
  readonly cache?: CacheInputs | undefined;
  /** Learned keys and values before all others, one a layer, each [1 or B, G, P, D] (prefix tuning, P-Tuning v2). */
  readonly prefix?: readonly KeysAndValues<Tensor>[] | undefined;
  /** int64 [B, T]: sentence numbers, for BERT. Default all 0. */
  readonly segments?: Tensor | undefined;
  /**
   * Training only: drops channels of the embeddings, of what attention and the feed-forward layer add to the residual
   * stream, and of the last hidden states before the output layer. That is Vaswani et al. 2017 (section 5.4) and GPT-2,
   * and one site more: weights of the attention itself are never dropped, which keeps the fused kernels usable. BERT
   * drops as its release does: after the norm of the embeddings, and no last hidden states. Default: nothing.
   */
  readonly dropout?: DropoutOptions | undefined;
}

export interface ForwardOutputs {
  /** Input of each layer [B, T, C], then the result after the final norm. */
  readonly hidden: readonly Tensor[];
  /** The next caches, one a layer, when `cache` was given. The caller assigns them (`assignCache`). */
  readonly cache?: readonly KeysAndValues<Tensor>[];
}

/**
 * A model family. `Config` is its parsed configuration: a family gets only configurations it made itself, which is why
 * these are methods, and a list of families of different configurations is one type.
 */
export interface ModelFamily<Config extends ModelConfig = ModelConfig> {
  readonly name: string;
  /** Values of `model_type` that this family reads. */
  readonly modelTypes: readonly string[];
  /** Tells apart families that share a `model_type`. */
  recognizes?(json: JsonObject): boolean;
  /**
   * For texts with blanks, whose positions and mask follow from the tokens: the layout of one whole text. Families
   * without it count 0 … T − 1 and look back only.
   */
  layout?(config: Config, ids: readonly number[]): TextLayout;
  /** Where attention may look: later tokens too (BERT), only back, or back and the whole prompt (GLM, ChatGLM-6B). */
  readonly mask: "causal" | "prefix" | "full";
  /** @throws CongError `BAD_CONFIG` that names an unknown key or a value that can't be honoured */
  parseConfig(json: JsonObject): Config;
  /** The `config.json` that Hugging Face tools read. */
  writeConfig(config: Config): JsonObject;
  /** Specs (float32) of all parameters under their checkpoint names. */
  parameters(config: Config): ParameterTree<TensorSpec>;
  /** Tensors a checkpoint may hold that the network does not use (layers for predicting further tokens, tied copies). */
  ignores?(config: Config, name: string): boolean;
  /** Parameters that gradients do not train (router corrections). Default none. */
  isBuffer?(name: string): boolean;
  forward(config: Config, parameters: ParameterTree<Tensor>, inputs: ForwardInputs): ForwardOutputs;
  /**
   * The weight [V, C] of an output layer that is a plain product, so that a loss need not form the logits' gradient.
   * Undefined where it is not (biases, quantised or adapted weights).
   */
  outputWeight?(config: Config, parameters: ParameterTree<Tensor>): Tensor | undefined;
  /** Logits [..., V] of hidden states after the final norm [..., C]. */
  logits(config: Config, parameters: ParameterTree<Tensor>, hidden: Tensor): Tensor;
}
