/**
 * Which llama.cpp architecture a model becomes, under which metadata, and why some models have none. Facts: llama.cpp
 * `conversion/` (what its own converter writes) and `src/models/*.cpp` (what its graphs compute).
 */

import { type GgufValue, ggufValue } from "../../formats/index.ts";
import type { DecoderModelConfig, ModelConfig, ModelFamily, RopeScaling } from "../../models/index.ts";
import { CongError } from "../../support/index.ts";
import { elsewhere } from "../elsewhere.ts";

const { bool, float32, text, uint32 } = ggufValue;

/** What tells the architectures apart. */
export interface GgufArchitecture {
  readonly name: "chatglm" | "glm4" | "llama" | "qwen2" | "qwen3";
  /** ggml's rope of this architecture turns neighbouring channels (NORM); otherwise channel i with i + R/2 (NEOX). */
  readonly interleaved: boolean;
  /** The graph turns the whole head or stops. */
  readonly wholeHead: boolean;
  /** Biases the graph adds, of those a configuration may switch. */
  readonly biases: { readonly queryKeyValue: boolean; readonly output: boolean; readonly mlp: boolean };
}

const architectures: Readonly<Record<string, GgufArchitecture>> = {
  glm: {
    name: "chatglm",
    interleaved: true,
    wholeHead: false,
    biases: { queryKeyValue: true, output: false, mlp: false },
  },
  glm4: {
    name: "glm4",
    interleaved: true,
    wholeHead: false,
    biases: { queryKeyValue: true, output: false, mlp: false },
  },
  llama: {
    name: "llama",
    interleaved: true,
    wholeHead: true,
    biases: { queryKeyValue: true, output: true, mlp: true },
  },
  qwen2: {
    name: "qwen2",
    interleaved: false,
    wholeHead: true,
    biases: { queryKeyValue: true, output: false, mlp: false },
  },
  qwen3: {
    name: "qwen3",
    interleaved: false,
    wholeHead: true,
    biases: { queryKeyValue: true, output: false, mlp: false },
  },
};

/** Families that GGUF, or llama.cpp behind it, cannot hold. */
const reasons: Readonly<Record<string, string>> = {
  chatglm_6b:
    "ChatGLM-6B turns each head by two positions (2-D RoPE) and lets the prompt see itself (prefix mask); llama.cpp's chatglm graph is that of ChatGLM2 and later, with one position and a causal mask",
  glm_original:
    "the first GLM adds two learned position tables and lets the prompt see itself (prefix mask); no llama.cpp architecture has either",
  bert: "BERT does not generate text; llama.cpp's bert architecture computes embeddings only, without the masked-LM head",
  glm4_moe: "mixtures of experts (llama.cpp's glm4moe) are not exported yet",
};

/**
 * The architecture of a model.
 * @throws CongError `EXPORT_UNSUPPORTED` with the reason, for what the format or llama.cpp cannot hold
 */
export function ggufArchitecture(
  family: ModelFamily,
  config: ModelConfig,
): { readonly architecture: GgufArchitecture; readonly config: DecoderModelConfig } {
  const architecture = Object.hasOwn(architectures, family.name) ? architectures[family.name]! : undefined;
  if (architecture === undefined)
    throw unsupported(family.name, reasons[family.name] ?? "llama.cpp has no such network");
  const decoder = config as DecoderModelConfig; // all families of the table share this configuration
  const refuse = (condition: boolean, reason: string) => {
    if (condition) throw unsupported(family.name, reason);
  };
  const { activation, rope, headSize, mixture } = decoder;
  refuse(activation !== "silu", `its activation is ${activation}, llama.cpp's ${architecture.name} has silu`);
  refuse(mixture !== undefined, "mixtures of experts are not exported");
  refuse(
    architecture.wholeHead && rope.channels !== headSize,
    `${rope.channels} of ${headSize} channels of a head rotate, llama.cpp's ${architecture.name} rotates all`,
  );
  refuse(decoder.queryKeyValueBias && !architecture.biases.queryKeyValue, "its attention has biases");
  refuse(decoder.outputBias && !architecture.biases.output, "its attention output has a bias");
  refuse(decoder.mlpBias && !architecture.biases.mlp, "its feed-forward layers have biases");
  refuseScaling(family.name, architecture, rope.scaling);
  return { architecture, config: decoder };
}

/** Sizes and constants under llama.cpp's keys. `fileType` is llama.cpp's number for the mix of tensor types. */
export function architectureMetadata(
  { name }: GgufArchitecture,
  config: DecoderModelConfig,
  fileType: number,
  title: string,
): [string, GgufValue][] {
  return [
    ["general.architecture", text(name)],
    ["general.type", text("model")],
    ["general.name", text(title)],
    ["general.file_type", uint32(fileType)],
    ["general.quantization_version", uint32(2)], // the layout of blocks since May 2023
    [`${name}.vocab_size`, uint32(config.vocabulary)],
    [`${name}.context_length`, uint32(config.contextLength)],
    [`${name}.embedding_length`, uint32(config.hidden)],
    [`${name}.block_count`, uint32(config.layers)],
    [`${name}.feed_forward_length`, uint32(config.feedForward)],
    [`${name}.attention.head_count`, uint32(config.heads)],
    [`${name}.attention.head_count_kv`, uint32(config.keyValueHeads)],
    [`${name}.attention.key_length`, uint32(config.headSize)],
    [`${name}.attention.value_length`, uint32(config.headSize)],
    [`${name}.attention.layer_norm_rms_epsilon`, float32(config.normEpsilon)],
    [`${name}.rope.dimension_count`, uint32(config.rope.channels)],
    [`${name}.rope.freq_base`, float32(config.rope.base)],
    ...scalingMetadata(`${name}.rope.scaling`, config.rope.scaling),
  ];
}

function scalingMetadata(prefix: string, scaling: RopeScaling | undefined): [string, GgufValue][] {
  // The frequencies of "llama3" go into a tensor of their own.
  if (scaling === undefined || scaling.type === "llama3") return [];
  const common: [string, GgufValue][] = [
    [`${prefix}.type`, text(scaling.type)],
    [`${prefix}.factor`, float32(scaling.factor)],
  ];
  if (scaling.type === "linear") return common;
  return [
    ...common,
    [`${prefix}.original_context_length`, uint32(scaling.originalLength)],
    [`${prefix}.finetuned`, bool(true)],
    [`${prefix}.yarn_beta_fast`, float32(scaling.betaFast)],
    [`${prefix}.yarn_beta_slow`, float32(scaling.betaSlow)],
  ];
}

function refuseScaling(family: string, { name }: GgufArchitecture, scaling: RopeScaling | undefined): void {
  if (scaling?.type === "llama3" && name !== "llama") {
    throw unsupported(family, `llama.cpp's ${name} has no place for the frequencies of rope_type "llama3"`);
  }
  if (scaling?.type !== "yarn") return;
  const usual = scaling.factor <= 1 ? 1 : 0.1 * Math.log(scaling.factor) + 1;
  if (Math.abs(scaling.attentionFactor - usual) > 1e-6) {
    throw unsupported(family, `its YaRN attention factor is ${scaling.attentionFactor}, llama.cpp computes ${usual}`);
  }
}

const unsupported = (family: string, reason: string): CongError =>
  new CongError(
    "EXPORT_UNSUPPORTED",
    `cannot export a ${family} model to GGUF: ${reason}`,
    { family, reason },
    elsewhere(family),
  );
