/** Layers that ChatGLM-6B and the first GLM share by name: one projection for query, key and value, and no gate. */
import type { TensorSpec } from "../engine/index.ts";
import type { LayerNorm, Linear } from "../nn/index.ts";

export type PlainLayer<Leaf> = {
  readonly input_layernorm: LayerNorm<Leaf>;
  readonly attention: { readonly query_key_value: Linear<Leaf>; readonly dense: Linear<Leaf> };
  /** Before the feed-forward layer. */
  readonly post_attention_layernorm: LayerNorm<Leaf>;
  readonly mlp: { readonly dense_h_to_4h: Linear<Leaf>; readonly dense_4h_to_h: Linear<Leaf> };
};

/** Specs of one layer: C hidden, F feed-forward; biases everywhere. */
export function plainLayer(C: number, F: number): PlainLayer<TensorSpec> {
  const norm = { weight: spec(C), bias: spec(C) };
  return {
    input_layernorm: norm,
    attention: { query_key_value: biased(3 * C, C), dense: biased(C, C) },
    post_attention_layernorm: norm,
    mlp: { dense_h_to_4h: biased(F, C), dense_4h_to_h: biased(C, F) },
  };
}

const biased = (output: number, input: number): Linear<TensorSpec> => ({
  weight: spec(output, input),
  bias: spec(output),
});

export const spec = (...shape: number[]): TensorSpec => ({ dtype: "float32", shape });
