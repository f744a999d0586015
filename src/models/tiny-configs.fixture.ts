/** A tiny `config.json` of every family, for tests that go through all of them. */
import type { JsonObject } from "./family.ts";

const common = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 64,
};

export const tinyConfigs: Readonly<Record<string, JsonObject>> = {
  glm: { ...common, model_type: "glm", head_dim: 8, eos_token_id: [1, 2] },
  glm4: { ...common, model_type: "glm4", head_dim: 8, rms_norm_eps: 1e-5, eos_token_id: 1 },
  glm4_moe: {
    ...common,
    model_type: "glm4_moe",
    head_dim: 8,
    n_routed_experts: 4,
    num_experts_per_tok: 2,
    moe_intermediate_size: 12,
    use_qk_norm: true,
    routed_scaling_factor: 1.5,
  },
  llama: {
    ...common,
    model_type: "llama",
    rope_theta: 500000,
    rope_scaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    },
  },
  qwen2: { ...common, model_type: "qwen2", tie_word_embeddings: true },
  qwen3: {
    ...common,
    model_type: "qwen3",
    head_dim: 6,
    rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 },
  },
  chatglm_6b: {
    model_type: "chatglm",
    vocab_size: 23,
    hidden_size: 16,
    num_layers: 2,
    num_attention_heads: 2,
    inner_hidden_size: 24,
    mask_token_id: 18,
    gmask_token_id: 19,
    bos_token_id: 20,
    eos_token_id: 21,
  },
  glm_original: {
    model_type: "glm",
    block_position_encoding: true,
    vocab_size: 23,
    hidden_size: 16,
    num_layers: 2,
    num_attention_heads: 2,
    max_sequence_length: 32,
    mask_token_id: 18,
    bos_token_id: 20,
  },
  bert: {
    model_type: "bert",
    vocab_size: 23,
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 32,
  },
};
