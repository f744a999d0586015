/** Configuration of the first GLM, from the `config.json` of its Hub folders (`THUDM/glm-10b` and others). */
import { createConfigReader } from "../config-reader.ts";
import type { JsonObject, ModelConfig } from "../family.ts";

export interface GlmOriginalConfig extends ModelConfig {
  /** `<|startofpiece|>` */
  readonly startId: number;
  /** [MASK], [sMASK], [gMASK] */
  readonly maskIds: readonly number[];
  readonly initializerRange: number;
}

/** Ids of the GPT-2 based tokenizer of GLM-2B and GLM-10B, for folders that do not name theirs. */
const defaults = { start: 50257, end: 50258, masks: [50260, 50264, 50263] };

export function readGlmOriginalConfig(json: JsonObject): GlmOriginalConfig {
  const reader = createConfigReader(json, "glm_original");
  const [heads, hidden] = [reader.integer("num_attention_heads"), reader.integer("hidden_size")];
  reader.only("block_position_encoding", [true], "GLM has two position tables");
  reader.only("relative_encoding", [false], "relative positions were never released");
  // Training and device settings, and heads for other tasks; attention_scale cancels out of the softmax.
  reader.ignore("attention_dropout_prob", "embedding_dropout_prob", "output_dropout_prob", "attention_scale");
  reader.ignore("checkpoint_activations", "checkpoint_num_layers", "parallel_output", "output_predict");
  reader.ignore("spell_length", "spell_func", "pool_token", "tie_word_embeddings");
  const masks = ["mask_token_id", "smask_token_id", "gmask_token_id"].flatMap((key) => reader.ids(key));
  const ends = reader.ids("eos_token_id");
  const config: GlmOriginalConfig = {
    family: "glm_original",
    vocabulary: reader.integer("vocab_size"),
    hidden,
    layers: reader.integer("num_layers"),
    heads,
    keyValueHeads: heads,
    headSize: hidden / heads,
    contextLength: reader.integer("max_sequence_length"),
    startId: reader.integer("bos_token_id", defaults.start, 0),
    maskIds: masks.length === 0 ? defaults.masks : masks,
    endIds: ends.length === 0 ? [defaults.end] : ends,
    padId: reader.optionalInteger("pad_token_id"),
    initializerRange: reader.number("initializer_range", 0.02),
  };
  reader.finish();
  return config;
}

export const writeGlmOriginalConfig = (config: GlmOriginalConfig): JsonObject => ({
  architectures: ["GLMModel"],
  model_type: "glm",
  block_position_encoding: true,
  relative_encoding: false,
  vocab_size: config.vocabulary,
  hidden_size: config.hidden,
  num_layers: config.layers,
  num_attention_heads: config.heads,
  max_sequence_length: config.contextLength,
  initializer_range: config.initializerRange,
  bos_token_id: config.startId,
  mask_token_id: [...config.maskIds],
  eos_token_id: [...config.endIds],
  pad_token_id: config.padId ?? null,
  attention_dropout_prob: 0.1,
  embedding_dropout_prob: 0.1,
  output_dropout_prob: 0.1,
  torch_dtype: "float32",
});
