/**
 * Names and shapes of a decoder's parameters, as Hugging Face checkpoints have them. V vocabulary, C hidden, H heads,
 * G key/value heads, D head size, F feed-forward, E experts.
 */
import type { TensorSpec } from "../../engine/index.ts";
import type { AnyEmbedding, GatedMlp, Linear, RmsNorm } from "../../nn/index.ts";
import { type DecoderModelConfig, isMixtureLayer } from "./config.ts";

/** Type aliases, not interfaces, so that they are trees (which have an index signature). */
export type DecoderParameters<Leaf> = {
  readonly model: {
    readonly embed_tokens: AnyEmbedding<Leaf>;
    readonly layers: readonly DecoderLayer<Leaf>[];
    readonly norm: RmsNorm<Leaf>;
  };
  /** Absent when tied to the embedding. */
  readonly lm_head?: Linear<Leaf>;
};

export type DecoderLayer<Leaf> = {
  readonly input_layernorm: RmsNorm<Leaf>;
  readonly self_attn: SelfAttention<Leaf>;
  /** After attention, before it is added (sandwich norms only). */
  readonly post_self_attn_layernorm?: RmsNorm<Leaf>;
  /** Before the feed-forward layer, whatever the name says. */
  readonly post_attention_layernorm: RmsNorm<Leaf>;
  readonly mlp: FeedForward<Leaf> | MixtureParameters<Leaf>;
  readonly post_mlp_layernorm?: RmsNorm<Leaf>;
};

export type SelfAttention<Leaf> = {
  readonly q_proj: Linear<Leaf>;
  readonly k_proj: Linear<Leaf>;
  readonly v_proj: Linear<Leaf>;
  readonly o_proj: Linear<Leaf>;
  readonly q_norm?: RmsNorm<Leaf>;
  readonly k_norm?: RmsNorm<Leaf>;
};

export type SeparateFeedForward<Leaf> = {
  readonly gate_proj: Linear<Leaf>;
  readonly up_proj: Linear<Leaf>;
  readonly down_proj: Linear<Leaf>;
};

export type FusedFeedForward<Leaf> = {
  /** Gate rows, then up rows. */
  readonly gate_up_proj: Linear<Leaf>;
  readonly down_proj: Linear<Leaf>;
};

export type FeedForward<Leaf> = SeparateFeedForward<Leaf> | FusedFeedForward<Leaf>;

export type MixtureParameters<Leaf> = {
  readonly gate: { readonly weight: Leaf; readonly e_score_correction_bias: Leaf };
  readonly experts: readonly SeparateFeedForward<Leaf>[];
  readonly shared_experts?: SeparateFeedForward<Leaf>;
};

/** The gated layer of nn/ that a separate feed-forward layer is. */
export const asGatedMlp = <Leaf>({ gate_proj, up_proj, down_proj }: SeparateFeedForward<Leaf>): GatedMlp<Leaf> => ({
  gate: gate_proj,
  up: up_proj,
  down: down_proj,
});

/** Specs of all parameters of a decoder. */
export function decoderParameters(config: DecoderModelConfig): DecoderParameters<TensorSpec> {
  const { vocabulary: V, hidden: C, layers, tiedEmbedding } = config;
  return {
    model: {
      embed_tokens: { weight: spec(V, C) },
      layers: Array.from({ length: layers }, (_, i) => layerParameters(config, i)),
      norm: { weight: spec(C) },
    },
    ...(tiedEmbedding ? {} : { lm_head: { weight: spec(V, C) } }),
  };
}

function layerParameters(config: DecoderModelConfig, i: number): DecoderLayer<TensorSpec> {
  const { hidden: C, sandwichNorms } = config;
  const norm = { weight: spec(C) };
  return {
    input_layernorm: norm,
    self_attn: attentionParameters(config),
    ...(sandwichNorms ? { post_self_attn_layernorm: norm } : {}),
    post_attention_layernorm: norm,
    mlp: isMixtureLayer(config, i) ? mixtureParameters(config) : feedForwardParameters(config),
    ...(sandwichNorms ? { post_mlp_layernorm: norm } : {}),
  };
}

function attentionParameters(config: DecoderModelConfig): SelfAttention<TensorSpec> {
  const { hidden: C, heads: H, keyValueHeads: G, headSize: D, queryKeyValueBias, outputBias, queryKeyNorm } = config;
  return {
    q_proj: linearSpec(H * D, C, queryKeyValueBias),
    k_proj: linearSpec(G * D, C, queryKeyValueBias),
    v_proj: linearSpec(G * D, C, queryKeyValueBias),
    o_proj: linearSpec(C, H * D, outputBias),
    ...(queryKeyNorm ? { q_norm: { weight: spec(D) }, k_norm: { weight: spec(D) } } : {}),
  };
}

function feedForwardParameters(config: DecoderModelConfig): FeedForward<TensorSpec> {
  const { hidden: C, feedForward: F, mlpBias, fusedGateUp } = config;
  if (!fusedGateUp) return separate(C, F, mlpBias);
  return { gate_up_proj: linearSpec(2 * F, C, mlpBias), down_proj: linearSpec(C, F, mlpBias) };
}

const separate = (C: number, F: number, bias = false): SeparateFeedForward<TensorSpec> => ({
  gate_proj: linearSpec(F, C, bias),
  up_proj: linearSpec(F, C, bias),
  down_proj: linearSpec(C, F, bias),
});

function mixtureParameters({ hidden: C, mixture }: DecoderModelConfig): MixtureParameters<TensorSpec> {
  const { experts: E, feedForward: F, sharedExperts } = mixture!;
  return {
    gate: { weight: spec(E, C), e_score_correction_bias: spec(E) },
    experts: Array.from({ length: E }, () => separate(C, F)),
    ...(sharedExperts === 0 ? {} : { shared_experts: separate(C, F * sharedExperts) }),
  };
}

const spec = (...shape: number[]): TensorSpec => ({ dtype: "float32", shape });

const linearSpec = (output: number, input: number, bias: boolean): Linear<TensorSpec> => ({
  weight: spec(output, input),
  ...(bias ? { bias: spec(output) } : {}),
});
