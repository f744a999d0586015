/**
 * GLM-4-9B in its Hugging Face form (`glm`), and with it ChatGLM2-6B and ChatGLM3-6B, which are the same network under
 * other names (transformers `models/glm`; docs of the GLM-4 release). Half of each head rotates, neighbouring channels in
 * pairs; biases on query, key and value only; gate and up projection in one weight.
 */
import type { ConfigReader } from "../config-reader.ts";
import { decoderFamily, readCommon } from "../decoder/family.ts";
import { readRope, writeRope } from "../decoder/rope.ts";

/** What `glm` and `glm4` read alike. */
export function readGlm(reader: ConfigReader) {
  const common = readCommon(reader, { contextLength: 131072 });
  return {
    ...common,
    normEpsilon: reader.number("rms_norm_eps", 1.5625e-7),
    rope: readRope(reader, { ...common, interleaved: true, partial: 0.5 }),
    queryKeyValueBias: reader.flag("attention_bias", true),
    outputBias: false,
    mlpBias: false,
    queryKeyNorm: false,
    fusedGateUp: true,
  };
}

export const glm = decoderFamily({
  name: "glm",
  modelTypes: ["glm"],
  read: (reader) => ({ ...readGlm(reader), sandwichNorms: false }),
  write: (config) => ({
    architectures: ["GlmForCausalLM"],
    model_type: "glm",
    attention_bias: config.queryKeyValueBias,
    attention_dropout: 0,
    partial_rotary_factor: config.rope.channels / config.headSize,
    rope_parameters: writeRope(config.rope, config.rope.channels / config.headSize),
  }),
});
