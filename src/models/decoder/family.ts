/** Makes a family out of what tells decoders apart: how their `config.json` is read and written. */
import type { Tensor } from "../../engine/index.ts";
import { CongError, checkDivides } from "../../support/index.ts";
import { type ConfigReader, createConfigReader } from "../config-reader.ts";
import type { JsonObject, ModelFamily } from "../family.ts";
import type { DecoderModelConfig } from "./config.ts";
import { decoderForward, decoderLogits, decoderOutputWeight } from "./forward.ts";
import { type DecoderParameters, decoderParameters } from "./parameters.ts";

export interface DecoderFamily {
  readonly name: string;
  readonly modelTypes: readonly string[];
  readonly read: (reader: ConfigReader) => Omit<DecoderModelConfig, "family">;
  readonly write: (config: DecoderModelConfig) => JsonObject;
}

export function decoderFamily({ name, modelTypes, read, write }: DecoderFamily): ModelFamily<DecoderModelConfig> {
  return {
    name,
    modelTypes,
    mask: "causal",
    parseConfig(json) {
      const reader = createConfigReader(json, name);
      const config: DecoderModelConfig = { family: name, ...read(reader) };
      reader.finish();
      check(config);
      return config;
    },
    writeConfig: (config) => ({ ...write(config), ...commonKeys(config) }),
    parameters: (config) => decoderParameters(config),
    ignores: isUnused,
    isBuffer: (name) => name.endsWith(".e_score_correction_bias"),
    // The registry hands every family the tree its own `parameters` described.
    outputWeight: (_, parameters) => decoderOutputWeight(parameters as DecoderParameters<Tensor>),
    forward: (config, parameters, inputs) => decoderForward(config, parameters as DecoderParameters<Tensor>, inputs),
    logits: (config, parameters, hidden) => decoderLogits(config, parameters as DecoderParameters<Tensor>, hidden),
  };
}

/** Copies of the tied embedding, layers for predicting further tokens, and tables that old checkpoints store. */
function isUnused({ tiedEmbedding, layers, mixture }: DecoderModelConfig, name: string): boolean {
  if (tiedEmbedding && name === "lm_head.weight") return true;
  if (name.endsWith("rotary_emb.inv_freq")) return true;
  const layer = Number(/^model\.layers\.(\d+)\./.exec(name)?.[1]);
  return layer >= layers && layer < layers + (mixture?.nextTokenLayers ?? 0);
}

function check({ heads, keyValueHeads, rope, headSize }: DecoderModelConfig): void {
  checkDivides("config.json", { num_key_value_heads: keyValueHeads }, { num_attention_heads: heads });
  if (rope.channels % 2 === 0 && rope.channels >= 2 && rope.channels <= headSize) return;
  throw new CongError(
    "BAD_CONFIG",
    `config.json: ${rope.channels} of the ${headSize} channels of a head would rotate`,
    { rotating: rope.channels, headSize },
    "wanted an even number, at most the head size: check partial_rotary_factor and head_dim",
  );
}

/** Sizes, norms and ids that all of them read the same way. */
export function readCommon(reader: ConfigReader, defaults: { readonly contextLength?: number } = {}) {
  const heads = reader.integer("num_attention_heads");
  const hidden = reader.integer("hidden_size");
  reader.only("quantization_config", [], "weights quantised by other programs cannot be read");
  return {
    vocabulary: reader.integer("vocab_size"),
    hidden,
    layers: reader.integer("num_hidden_layers"),
    heads,
    keyValueHeads: reader.integer("num_key_value_heads", heads),
    headSize: reader.integer("head_dim", Math.floor(hidden / heads)),
    feedForward: reader.integer("intermediate_size"),
    activation: reader.choice("hidden_act", { silu: "silu", gelu: "gelu", relu: "relu" } as const, "silu"),
    contextLength: reader.integer("max_position_embeddings", defaults.contextLength ?? 2048),
    initializerRange: reader.number("initializer_range", 0.02),
    tiedEmbedding: reader.flag("tie_word_embeddings", false),
    endIds: reader.ids("eos_token_id"),
    padId: reader.optionalInteger("pad_token_id"),
    beginId: reader.optionalInteger("bos_token_id"),
  };
}

/** What `readCommon` reads, as transformers writes it. */
function commonKeys(config: DecoderModelConfig): JsonObject {
  return {
    vocab_size: config.vocabulary,
    hidden_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headSize,
    intermediate_size: config.feedForward,
    hidden_act: config.activation,
    max_position_embeddings: config.contextLength,
    initializer_range: config.initializerRange,
    rms_norm_eps: config.normEpsilon,
    tie_word_embeddings: config.tiedEmbedding,
    eos_token_id: config.endIds.length === 0 ? null : config.endIds.length === 1 ? config.endIds[0]! : config.endIds,
    pad_token_id: config.padId ?? null,
    bos_token_id: config.beginId ?? null,
    use_cache: true,
    dtype: "float32",
  };
}
