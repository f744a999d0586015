/** Qwen3 (Yang et al. 2025), as transformers `models/qwen3`: norms over query and key heads instead of biases. */
import { decoderFamily, readCommon } from "../decoder/family.ts";
import { readRope, writeRope } from "../decoder/rope.ts";
import { refuseWindows } from "../qwen2/index.ts";

export const qwen3 = decoderFamily({
  name: "qwen3",
  modelTypes: ["qwen3"],
  read(reader) {
    const common = readCommon(reader, { contextLength: 32768 });
    refuseWindows(reader, common.layers);
    const bias = reader.flag("attention_bias", false);
    return {
      ...common,
      // Unlike the others, Qwen3's head size does not follow from hidden / heads.
      headSize: reader.integer("head_dim", 128),
      normEpsilon: reader.number("rms_norm_eps", 1e-6),
      rope: readRope(reader, { ...common, headSize: reader.integer("head_dim", 128), interleaved: false }),
      queryKeyValueBias: bias,
      outputBias: bias,
      mlpBias: false,
      queryKeyNorm: true,
      sandwichNorms: false,
      fusedGateUp: false,
    };
  },
  write: (config) => ({
    architectures: ["Qwen3ForCausalLM"],
    model_type: "qwen3",
    attention_bias: config.queryKeyValueBias,
    attention_dropout: 0,
    use_sliding_window: false,
    rope_parameters: writeRope(config.rope),
  }),
});
