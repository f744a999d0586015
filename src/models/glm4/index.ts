/** GLM-4-0414 and GLM-Z1 (`glm4`): GLM-4 with norms after attention and feed-forward as well (transformers `models/glm4`). */
import { decoderFamily } from "../decoder/family.ts";
import { writeRope } from "../decoder/rope.ts";
import { readGlm } from "../glm/index.ts";

export const glm4 = decoderFamily({
  name: "glm4",
  modelTypes: ["glm4"],
  read: (reader) => ({ ...readGlm(reader), sandwichNorms: true }),
  write: (config) => ({
    architectures: ["Glm4ForCausalLM"],
    model_type: "glm4",
    attention_bias: config.queryKeyValueBias,
    attention_dropout: 0,
    partial_rotary_factor: config.rope.channels / config.headSize,
    rope_parameters: writeRope(config.rope, config.rope.channels / config.headSize),
  }),
});
