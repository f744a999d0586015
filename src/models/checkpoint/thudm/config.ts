/**
 * `config.json` of ChatGLM2, ChatGLM3 and GLM-4-9B (THUDM `configuration_chatglm.py`) as that of a Hugging Face `glm`,
 * and back. Published converters drop `rope_ratio`; here the base of the rotation is 10,000·rope_ratio.
 */
import { createConfigReader } from "../../config-reader.ts";
import type { Json, JsonObject } from "../../family.ts";

const rotaryBase = 10_000;

/** Half of each head rotates in all of them. */
const rotatingPart = 0.5;

/** Sizes that decide how fused weights split. */
export interface ThudmGeometry {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
}

/**
 * Reads a THUDM configuration strictly.
 * @param type "glm", or "glm4" for weights with norms after attention and feed-forward
 * @throws CongError `BAD_CONFIG` for an unknown key, or a value that stands for another network
 */
export function readThudmConfig(json: JsonObject, type: "glm" | "glm4"): ThudmGeometry & { config: JsonObject } {
  const reader = createConfigReader(json, "chatglm");
  const heads = reader.integer("num_attention_heads");
  const hidden = reader.integer("hidden_size");
  const isGrouped = reader.flag("multi_query_attention", false);
  const groups = reader.integer("multi_query_group_num", 1);
  const keyValueHeads = isGrouped ? groups : heads;
  const headSize = reader.integer("kv_channels", 128);
  const ropeTheta = rotaryBase * reader.number("rope_ratio", 1);
  const other = "that is another network than the published ones";
  reader.only("rmsnorm", [true], other);
  reader.only("post_layer_norm", [true], other);
  reader.only("add_bias_linear", [false], other);
  reader.only("apply_residual_connection_post_layernorm", [false], other);
  reader.only("interleaved_qkv", [false], other);
  reader.only("original_rope", [true], "only CogAgent rotates otherwise");
  reader.only("quantization_embeddings", [false], "quantised embeddings were never released for these");
  // Precision and speed of the reference; the layer scaling cancels out. The prefix is read as an adapter.
  reader.ignore("apply_query_key_layer_scaling", "attention_softmax_in_fp32", "fp32_residual_connection");
  reader.ignore("bias_dropout_fusion", "quantization_bit", "pre_seq_len", "prefix_projection", "empty_init");
  reader.ignore("vocab_size", "num_hidden_layers", "max_position_embeddings");
  const layers = reader.integer("num_layers");
  const config: Record<string, Json> = {
    architectures: [type === "glm" ? "GlmForCausalLM" : "Glm4ForCausalLM"],
    model_type: type,
    vocab_size: reader.integer("padded_vocab_size"),
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    head_dim: headSize,
    intermediate_size: reader.integer("ffn_hidden_size"),
    hidden_act: "silu",
    max_position_embeddings: reader.integer("seq_length"),
    rms_norm_eps: reader.number("layernorm_epsilon", 1e-5),
    attention_bias: reader.flag("add_qkv_bias", false),
    attention_dropout: 0,
    partial_rotary_factor: rotatingPart,
    rope_parameters: { rope_type: "default", rope_theta: ropeTheta, partial_rotary_factor: rotatingPart },
    tie_word_embeddings: reader.flag("tie_word_embeddings", false),
    use_cache: true,
  };
  for (const key of ["eos_token_id", "pad_token_id", "bos_token_id"]) {
    const value = reader.value(key);
    if (value !== undefined) config[key] = value;
  }
  const dtype = reader.value("torch_dtype") ?? reader.value("dtype");
  if (dtype !== undefined) config.dtype = dtype;
  reader.finish();
  return { heads, keyValueHeads, headSize, config };
}

/**
 * The configuration THUDM code reads for a Hugging Face `glm` or `glm4`.
 * @throws CongError `BAD_CONFIG` for values that it has no key for (scaled rotation, another part of the head rotating)
 */
export function writeThudmConfig(json: JsonObject): ThudmGeometry & { config: JsonObject } {
  const reader = createConfigReader(json, "glm");
  const heads = reader.integer("num_attention_heads");
  const keyValueHeads = reader.integer("num_key_value_heads", heads);
  const hidden = reader.integer("hidden_size");
  const headSize = reader.integer("head_dim", Math.floor(hidden / heads));
  reader.only("model_type", ["glm", "glm4"], "only these networks have a THUDM layout");
  reader.only("hidden_act", ["silu"], "THUDM code knows no other");
  reader.only("partial_rotary_factor", [rotatingPart], "THUDM code knows no other");
  reader.only("rope_scaling", [], "THUDM code cannot scale the rotation");
  const rope = reader.value("rope_parameters");
  const nested = createConfigReader(isRecord(rope) ? rope : {}, "glm");
  nested.only("rope_type", ["default"], "THUDM code cannot scale the rotation");
  nested.only("partial_rotary_factor", [rotatingPart], "THUDM code knows no other");
  const theta = nested.has("rope_theta") ? nested.number("rope_theta") : reader.number("rope_theta", rotaryBase);
  nested.finish();
  reader.ignore("rope_theta", "initializer_range");
  const config: Record<string, Json> = {
    architectures: ["ChatGLMModel"],
    model_type: "chatglm",
    num_layers: reader.integer("num_hidden_layers"),
    hidden_size: hidden,
    num_attention_heads: heads,
    kv_channels: headSize,
    multi_query_attention: keyValueHeads !== heads,
    multi_query_group_num: keyValueHeads,
    ffn_hidden_size: reader.integer("intermediate_size"),
    padded_vocab_size: reader.integer("vocab_size"),
    layernorm_epsilon: reader.number("rms_norm_eps", 1.5625e-7),
    rmsnorm: true,
    post_layer_norm: true,
    add_bias_linear: false,
    add_qkv_bias: reader.flag("attention_bias", true),
    apply_query_key_layer_scaling: true,
    apply_residual_connection_post_layernorm: false,
    attention_dropout: 0,
    hidden_dropout: 0,
    attention_softmax_in_fp32: true,
    fp32_residual_connection: false,
    bias_dropout_fusion: true,
    original_rope: true,
    rope_ratio: theta / rotaryBase,
    seq_length: reader.integer("max_position_embeddings", 131072),
    use_cache: true,
    tie_word_embeddings: reader.flag("tie_word_embeddings", false),
  };
  for (const key of ["eos_token_id", "pad_token_id", "bos_token_id"]) {
    const value = reader.value(key);
    if (value !== undefined) config[key] = value;
  }
  const dtype = reader.value("dtype") ?? reader.value("torch_dtype");
  if (dtype !== undefined) config.torch_dtype = dtype;
  reader.finish();
  return { heads, keyValueHeads, headSize, config };
}

const isRecord = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
