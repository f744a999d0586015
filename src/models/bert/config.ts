/** Configuration of BERT (Devlin et al. 2019), as transformers `models/bert`. */
import { createConfigReader } from "../config-reader.ts";
import type { JsonObject, ModelConfig } from "../family.ts";

/** What stands on top: prediction of masked tokens, or a class for the whole text. */
export type BertHead = "maskedLm" | "classification";

export interface BertConfig extends ModelConfig {
  readonly head: BertHead;
  /** Number of classes; used by the classification head. */
  readonly labels: number;
  readonly feedForward: number;
  readonly activation: "gelu" | "gelu_tanh" | "relu";
  readonly normEpsilon: number;
  /** Kinds of segments. */
  readonly segmentTypes: number;
  readonly initializerRange: number;
}

const heads: Readonly<Record<string, BertHead>> = {
  BertForMaskedLM: "maskedLm",
  BertForPreTraining: "maskedLm",
  BertForSequenceClassification: "classification",
};

export function readBertConfig(json: JsonObject): BertConfig {
  const reader = createConfigReader(json, "bert");
  const [headCount, hidden] = [reader.integer("num_attention_heads"), reader.integer("hidden_size")];
  reader.only("position_embedding_type", ["absolute"], "relative positions are not built");
  reader.only("is_decoder", [false], "BERT as a decoder is not built");
  reader.only("tie_word_embeddings", [true], "the output layer of BERT is its embedding");
  reader.ignore("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "directionality");
  reader.ignore("pooler_size_per_head", "pooler_type", "bos_token_id", "eos_token_id", "embedding_size");
  const architectures = reader.value("architectures");
  const [first = "BertForMaskedLM"] = Array.isArray(architectures) ? (architectures as string[]) : [];
  const names = reader.value("id2label");
  const config: BertConfig = {
    family: "bert",
    head: heads[first] ?? "maskedLm",
    labels: names !== undefined && names !== null ? Object.keys(names).length : reader.integer("num_labels", 2),
    vocabulary: reader.integer("vocab_size"),
    hidden,
    layers: reader.integer("num_hidden_layers"),
    heads: headCount,
    keyValueHeads: headCount,
    headSize: hidden / headCount,
    contextLength: reader.integer("max_position_embeddings", 512),
    feedForward: reader.integer("intermediate_size"),
    activation: reader.choice(
      "hidden_act",
      { gelu: "gelu", gelu_new: "gelu_tanh", gelu_pytorch_tanh: "gelu_tanh", relu: "relu" } as const,
      "gelu",
    ),
    normEpsilon: reader.number("layer_norm_eps", 1e-12),
    segmentTypes: reader.integer("type_vocab_size", 2),
    initializerRange: reader.number("initializer_range", 0.02),
    endIds: [],
    padId: reader.optionalInteger("pad_token_id"),
  };
  reader.finish();
  return config;
}

export const writeBertConfig = (config: BertConfig): JsonObject => ({
  architectures: [config.head === "maskedLm" ? "BertForMaskedLM" : "BertForSequenceClassification"],
  model_type: "bert",
  vocab_size: config.vocabulary,
  hidden_size: config.hidden,
  num_hidden_layers: config.layers,
  num_attention_heads: config.heads,
  intermediate_size: config.feedForward,
  hidden_act: config.activation === "gelu_tanh" ? "gelu_new" : config.activation,
  layer_norm_eps: config.normEpsilon,
  max_position_embeddings: config.contextLength,
  type_vocab_size: config.segmentTypes,
  initializer_range: config.initializerRange,
  pad_token_id: config.padId ?? null,
  id2label: Object.fromEntries(Array.from({ length: config.labels }, (_, i) => [String(i), `LABEL_${i}`])),
  tie_word_embeddings: true,
  dtype: "float32",
});
