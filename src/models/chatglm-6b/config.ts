/** Configuration of ChatGLM-6B, from the `config.json` of its release. */
import { createConfigReader } from "../config-reader.ts";
import type { JsonObject, ModelConfig } from "../family.ts";

export interface ChatGlm6bConfig extends ModelConfig {
  /** Channels F inside the feed-forward layers. */
  readonly feedForward: number;
  /** ε of the layer norms. */
  readonly normEpsilon: number;
  /** α = √(2·layers), the factor on the normalised input that the residual carries (DeepNorm, Wang et al. 2022). */
  readonly residualScale: number;
  readonly maskId: number;
  readonly gmaskId: number;
  /** `<sop>`, which opens the answer. */
  readonly startId: number;
  readonly initializerRange: number;
}

export function readChatGlm6bConfig(json: JsonObject): ChatGlm6bConfig {
  const reader = createConfigReader(json, "chatglm_6b");
  const [heads, hidden] = [reader.integer("num_attention_heads"), reader.integer("hidden_size")];
  const layers = reader.integer("num_layers");
  reader.only("position_encoding_2d", [true], "without two position rows the network is another one");
  reader.only("quantization_embeddings", [false], "quantised embeddings were never released");
  // The checkpoint reader deals with quantised weights, the adapter reader with the prefix.
  reader.ignore("quantization_bit", "pre_seq_len", "prefix_projection", "num_image_tokens");
  const config: ChatGlm6bConfig = {
    family: "chatglm_6b",
    vocabulary: reader.integer("vocab_size", 130528),
    hidden,
    layers,
    heads,
    keyValueHeads: heads,
    headSize: hidden / heads,
    contextLength: reader.integer("max_sequence_length", 2048),
    feedForward: reader.integer("inner_hidden_size", 4 * hidden),
    normEpsilon: reader.number("layernorm_epsilon", 1e-5),
    residualScale: Math.sqrt(2 * layers),
    maskId: reader.integer("mask_token_id", 130000, 0),
    gmaskId: reader.integer("gmask_token_id", 130001, 0),
    startId: reader.integer("bos_token_id", 130004, 0),
    endIds: reader.has("eos_token_id") ? reader.ids("eos_token_id") : [130005],
    padId: reader.integer("pad_token_id", 3, 0),
    initializerRange: reader.number("initializer_range", 0.02),
  };
  reader.ignore("eos_token_id");
  reader.finish();
  return config;
}

export const writeChatGlm6bConfig = (config: ChatGlm6bConfig): JsonObject => ({
  architectures: ["ChatGLMModel"],
  model_type: "chatglm",
  vocab_size: config.vocabulary,
  hidden_size: config.hidden,
  num_layers: config.layers,
  num_attention_heads: config.heads,
  inner_hidden_size: config.feedForward,
  layernorm_epsilon: config.normEpsilon,
  max_sequence_length: config.contextLength,
  mask_token_id: config.maskId,
  gmask_token_id: config.gmaskId,
  bos_token_id: config.startId,
  eos_token_id: config.endIds[0] ?? 130005,
  pad_token_id: config.padId ?? 3,
  position_encoding_2d: true,
  use_cache: true,
  torch_dtype: "float32",
});
