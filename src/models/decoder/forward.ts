/**
 * The graph of a decoder: over whole sequences, or over T new tokens with a cache of earlier ones.
 *
 * B batch, T new tokens, S tokens attended to, C hidden, F feed-forward, E experts, R rotating channels.
 */
import { add, mul, slice, stack, type Tensor } from "../../engine/index.ts";
import {
  type Attention,
  type AttentionInputs,
  activations,
  attentionLayer,
  cachedAttention,
  denseWeight,
  dropoutLayer,
  embedding,
  gatedMlp,
  isQuantized,
  type KeysAndValues,
  type Linear,
  linear,
  mixture,
  type RotaryTables,
  rmsNormLayer,
  rotaryConstants,
  rotaryTables,
  rotaryTablesInGraph,
  tiedLogits,
} from "../../nn/index.ts";
import type { ForwardInputs, ForwardOutputs } from "../family.ts";
import { biasOf, positionsOf, prefixOf } from "../positions.ts";
import type { DecoderModelConfig } from "./config.ts";
import {
  asGatedMlp,
  type DecoderLayer,
  type DecoderParameters,
  type FusedFeedForward,
  type MixtureParameters,
  type SelfAttention,
  type SeparateFeedForward,
} from "./parameters.ts";
import { ropeFrequencies } from "./rope.ts";

/** Hidden states [B, T, C] of all layers, and the next cache. */
export function decoderForward(
  config: DecoderModelConfig,
  parameters: DecoderParameters<Tensor>,
  inputs: ForwardInputs,
): ForwardOutputs {
  const { builder } = inputs.ids;
  const { dropout } = inputs;
  const rotary = builder.scope("positions", () => rotaryOf(config, inputs));
  const bias = builder.scope("mask", () => biasOf(inputs));
  const hidden = [
    builder.scope("embedding", () => dropoutLayer(embedding(parameters.model.embed_tokens, inputs.ids), dropout)),
  ];
  const caches: KeysAndValues<Tensor>[] = [];
  parameters.model.layers.forEach((layer, i) => {
    builder.scope(`layers.${i}`, () => {
      const attended = attend(config, layer, hidden[i]!, inputs, i, { rotary, bias });
      if (attended.cache !== undefined) caches.push(attended.cache);
      hidden.push(feedForwardHalf(config, layer, attended.output, inputs));
    });
  });
  const last = hidden.pop()!;
  hidden.push(builder.scope("norm", () => dropoutLayer(normOf(config, parameters.model.norm, last), dropout)));
  return { hidden, ...(inputs.cache === undefined ? {} : { cache: caches }) };
}

/** Logits [..., V] of hidden states [..., C]. */
export const decoderLogits = (
  _config: DecoderModelConfig,
  { model, lm_head }: DecoderParameters<Tensor>,
  hidden: Tensor,
): Tensor =>
  hidden.builder.scope("output", () =>
    lm_head === undefined ? tiedLogits(model.embed_tokens, hidden) : linear(lm_head, hidden),
  );

/** The weight [V, C] of the output layer, unless it is quantised or adapted. */
export function decoderOutputWeight({ model, lm_head }: DecoderParameters<Tensor>): Tensor | undefined {
  const { weight, ...others } = (lm_head ?? model.embed_tokens) as unknown as Readonly<Record<string, Tensor>>;
  return Object.keys(others).length === 0 ? weight : undefined;
}

/** Tables for the positions of the T tokens; literals where they are known now. */
function rotaryOf({ rope }: DecoderModelConfig, inputs: ForwardInputs): RotaryTables<Tensor> {
  const { frequencies, scale } = ropeFrequencies(rope);
  const T = inputs.ids.shape[1]!;
  if (inputs.positions === undefined && inputs.cache === undefined && typeof T === "number") {
    return rotaryConstants(inputs.ids, rotaryTables(T, frequencies, scale));
  }
  return rotaryTablesInGraph(positionsOf(inputs), frequencies, scale);
}

interface Shared {
  readonly rotary: RotaryTables<Tensor>;
  /** None: causal. */
  readonly bias: Tensor | undefined;
}

/** x + attention, and the layer's next cache. */
function attend(
  config: DecoderModelConfig,
  layer: DecoderLayer<Tensor>,
  x: Tensor,
  inputs: ForwardInputs,
  i: number,
  { rotary, bias }: Shared,
): { readonly output: Tensor; readonly cache?: KeysAndValues<Tensor> } {
  const options: AttentionInputs = {
    heads: config.heads,
    rotary,
    interleaved: config.rope.interleaved,
    normEpsilon: config.normEpsilon,
    bias,
    causal: bias === undefined,
    prefix: prefixOf(inputs, i),
  };
  const normed = normOf(config, layer.input_layernorm, x);
  const parameters = asAttention(layer.self_attn);
  const { builder } = x;
  const after = (attended: Tensor) =>
    add(x, dropoutLayer(normIf(config, layer.post_self_attn_layernorm, attended), inputs.dropout));
  if (inputs.cache === undefined) {
    return { output: after(builder.scope("attention", () => attentionLayer(parameters, normed, options))) };
  }
  const { layers, start } = inputs.cache;
  const attended = builder.scope("attention", () =>
    cachedAttention(parameters, normed, { ...options, cache: layers[i]!, start }),
  );
  return { output: after(attended.output), cache: attended.cache };
}

const asAttention = (p: SelfAttention<Tensor>): Attention<Tensor> => ({
  query: p.q_proj,
  key: p.k_proj,
  value: p.v_proj,
  output: p.o_proj,
  ...(p.q_norm === undefined ? {} : { queryNorm: p.q_norm }),
  ...(p.k_norm === undefined ? {} : { keyNorm: p.k_norm }),
});

/** x + feed-forward. */
function feedForwardHalf(
  config: DecoderModelConfig,
  layer: DecoderLayer<Tensor>,
  x: Tensor,
  { cache, dropout }: ForwardInputs,
): Tensor {
  const normed = normOf(config, layer.post_attention_layernorm, x);
  const change = x.builder.scope("mlp", () => feedForward(config, layer.mlp, normed, cache === undefined));
  return add(x, dropoutLayer(normIf(config, layer.post_mlp_layernorm, change), dropout));
}

function feedForward(
  config: DecoderModelConfig,
  parameters: DecoderLayer<Tensor>["mlp"],
  x: Tensor,
  isWhole: boolean,
): Tensor {
  if ("experts" in parameters) return mixtureOf(config, parameters, x);
  if ("gate_up_proj" in parameters) return fusedFeedForward(config, parameters, x, isWhole);
  return gatedMlp(asGatedMlp(parameters), x, { activation: config.activation });
}

function fusedFeedForward(
  config: DecoderModelConfig,
  parameters: FusedFeedForward<Tensor>,
  x: Tensor,
  isWhole: boolean,
): Tensor {
  const F = config.feedForward;
  const halves = isWhole ? halvesOfWeight : halvesOfProduct;
  const [gate, up] = halves(parameters.gate_up_proj, x, F);
  return linear(parameters.down_proj, mul(activations[config.activation](gate), up));
}

type Halves = readonly [gate: Tensor, up: Tensor];

/** For few tokens the weight is what is large, so it stays whole. */
function halvesOfProduct(parameters: Linear<Tensor>, x: Tensor, F: number): Halves {
  const both = linear(parameters, x); // (B, T, 2F)
  return [slice(both, -1, 0, F), slice(both, -1, F, 2 * F)];
}

/** For whole sequences the product is what is large: cutting the weight saves copies of it here and in the backward pass. */
function halvesOfWeight(parameters: Linear<Tensor>, x: Tensor, F: number): Halves {
  if (isQuantized(parameters)) return halvesOfProduct(parameters, x, F);
  const { weight, bias, lowRank } = parameters;
  const half = (from: number): Tensor => {
    const rows = (whole: Tensor): Tensor => slice(whole, 0, from, from + F);
    return linear(
      {
        weight: rows(weight),
        ...(bias === undefined ? {} : { bias: rows(bias) }),
        ...(lowRank === undefined ? {} : { lowRank: { ...lowRank, b: rows(lowRank.b) } }),
      },
      x,
    );
  };
  return [half(0), half(F)];
}

/** Experts are stored one by one and computed as stacks (E, F, C). */
function mixtureOf(config: DecoderModelConfig, parameters: MixtureParameters<Tensor>, x: Tensor): Tensor {
  const { activeExperts, normalizes, scale, groups, activeGroups } = config.mixture!;
  const stacked = (name: keyof SeparateFeedForward<Tensor>) =>
    stack(
      parameters.experts.map((expert) => denseWeight(expert[name])),
      0,
    );
  const { output } = mixture(
    {
      router: { weight: parameters.gate.weight, correctionBias: parameters.gate.e_score_correction_bias },
      experts: { gate: stacked("gate_proj"), up: stacked("up_proj"), down: stacked("down_proj") },
      ...(parameters.shared_experts === undefined ? {} : { sharedExpert: asGatedMlp(parameters.shared_experts) }),
    },
    x,
    { activeExperts, scores: "sigmoid", normalizes, scale, groups, activeGroups, activation: config.activation },
  );
  return output;
}

const normOf = (config: DecoderModelConfig, norm: { readonly weight: Tensor }, x: Tensor): Tensor =>
  rmsNormLayer(norm, x, { epsilon: config.normEpsilon });

const normIf = (config: DecoderModelConfig, norm: { readonly weight: Tensor } | undefined, x: Tensor): Tensor =>
  norm === undefined ? x : normOf(config, norm, x);
