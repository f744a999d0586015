/** The Transformer that the topics compare: GLM-4's architecture, small enough to train in seconds on two cores. */
import type { HostTensor } from "../../../src/engine/index.ts";
import { initParameters, type ParameterTree, readModelConfig } from "../../../src/models/index.ts";
import { createRandom } from "../../../src/support/random.ts";
import type { Model } from "../../../src/training/objectives/token-loss.ts";

export interface TinySize {
  readonly vocabulary: number;
  readonly layers: number;
  /** Channels C. Default 64. */
  readonly hidden?: number;
}

export interface TinyGlm {
  readonly model: Model;
  readonly parameters: ParameterTree<HostTensor>;
}

/** Heads of 32 channels, gated feed-forward layers of 8/3 the width, output tied to the embedding. */
export function tinyGlm({ vocabulary, layers, hidden = 64 }: TinySize, seed: number): TinyGlm {
  const model = readModelConfig({
    model_type: "glm",
    vocab_size: vocabulary,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: hidden / 32,
    num_key_value_heads: hidden / 32,
    head_dim: 32,
    intermediate_size: Math.round((hidden * 8) / 3 / 8) * 8,
    max_position_embeddings: 1024,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    pad_token_id: 0,
  });
  const specs = model.family.parameters(model.config);
  // With the usual 0.02 a network this narrow sits at the loss of single characters for twice as long.
  return { model, parameters: initParameters(specs, createRandom(seed).fork("parameters"), 0.06) };
}
