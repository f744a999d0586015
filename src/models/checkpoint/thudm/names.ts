/**
 * Tensor names of ChatGLM2, ChatGLM3 and GLM-4-9B beside those of Hugging Face `glm` (transformers
 * `convert_glm_weights_to_hf.py`). Only query, key and value change more than their names: THUDM keeps them in one
 * weight, all query rows, then all key rows, then all value rows.
 */

/** Outside the layers. */
export const outerNames: readonly (readonly [thudm: string, huggingFace: string])[] = [
  ["transformer.embedding.word_embeddings.weight", "model.embed_tokens.weight"],
  ["transformer.encoder.final_layernorm.weight", "model.norm.weight"],
  ["transformer.output_layer.weight", "lm_head.weight"],
];

export const thudmLayer = "transformer.encoder.layers.";
export const huggingFaceLayer = "model.layers.";

/** Within a layer. The last two exist in GLM-4-0414 alone. */
export const layerNames: readonly (readonly [thudm: string, huggingFace: string])[] = [
  ["input_layernorm.weight", "input_layernorm.weight"],
  ["self_attention.dense.weight", "self_attn.o_proj.weight"],
  ["post_attention_layernorm.weight", "post_attention_layernorm.weight"],
  ["mlp.dense_h_to_4h.weight", "mlp.gate_up_proj.weight"],
  ["mlp.dense_4h_to_h.weight", "mlp.down_proj.weight"],
  ["post_self_attn_layernorm.weight", "post_self_attn_layernorm.weight"],
  ["post_mlp_layernorm.weight", "post_mlp_layernorm.weight"],
];

/** The weight that holds all three; "weight" or "bias" follows. */
export const fusedAttention = "self_attention.query_key_value.";
export const separateAttention = ["self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."] as const;

/** Computed by every implementation. */
export const rotaryBuffer = "transformer.rotary_pos_emb.inv_freq";

export const isPrefixEncoder = (name: string): boolean => name.startsWith("transformer.prefix_encoder.");
