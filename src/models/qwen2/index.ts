/** Qwen2 and Qwen2.5 (Yang et al. 2024), as transformers `models/qwen2`: Llama with biases on query, key and value. */
import type { ConfigReader } from "../config-reader.ts";
import { decoderFamily, readCommon } from "../decoder/family.ts";
import { readRope, writeRope } from "../decoder/rope.ts";

/** Windows of attention are refused: they change what later tokens see. */
export function refuseWindows(reader: ConfigReader, layers: number): void {
  reader.only("use_sliding_window", [false], "sliding-window attention is not built");
  reader.ignore("sliding_window", "max_window_layers"); // without effect unless use_sliding_window
  reader.only("layer_types", [Array(layers).fill("full_attention")], "other kinds of attention are not built");
}

export const qwen2 = decoderFamily({
  name: "qwen2",
  modelTypes: ["qwen2"],
  read(reader) {
    const common = readCommon(reader, { contextLength: 32768 });
    refuseWindows(reader, common.layers);
    return {
      ...common,
      normEpsilon: reader.number("rms_norm_eps", 1e-6),
      rope: readRope(reader, { ...common, interleaved: false }),
      queryKeyValueBias: true,
      outputBias: false,
      mlpBias: false,
      queryKeyNorm: false,
      sandwichNorms: false,
      fusedGateUp: false,
    };
  },
  write: (config) => ({
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    attention_dropout: 0,
    use_sliding_window: false,
    rope_parameters: writeRope(config.rope),
  }),
});
