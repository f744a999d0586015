/** Llama 1 to 3 (Touvron et al. 2023; Grattafiori et al. 2024), as transformers `models/llama`. */
import { decoderFamily, readCommon } from "../decoder/family.ts";
import { readRope, writeRope } from "../decoder/rope.ts";

export const llama = decoderFamily({
  name: "llama",
  modelTypes: ["llama"],
  read(reader) {
    const common = readCommon(reader);
    reader.ignore("pretraining_tp"); // splits the products over devices; the numbers are the same
    const bias = reader.flag("attention_bias", false);
    return {
      ...common,
      normEpsilon: reader.number("rms_norm_eps", 1e-6),
      rope: readRope(reader, { ...common, interleaved: false }),
      queryKeyValueBias: bias,
      outputBias: bias,
      mlpBias: reader.flag("mlp_bias", false),
      queryKeyNorm: false,
      sandwichNorms: false,
      fusedGateUp: false,
    };
  },
  write: (config) => ({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    attention_bias: config.queryKeyValueBias,
    attention_dropout: 0,
    mlp_bias: config.mlpBias,
    rope_parameters: writeRope(config.rope),
  }),
});
