/**
 * GLM-4.5, 4.6 and 4.7 (`glm4_moe`): mixture-of-experts layers with DeepSeek-V3's sigmoid router, half of each head
 * rotating with half-split pairs, optional norms over query and key heads (transformers `models/glm4_moe`).
 */
import { decoderFamily, readCommon } from "../decoder/family.ts";
import { readRope, writeRope } from "../decoder/rope.ts";

export const glm4Moe = decoderFamily({
  name: "glm4_moe",
  modelTypes: ["glm4_moe"],
  read(reader) {
    const common = readCommon(reader, { contextLength: 131072 });
    reader.ignore("router_aux_loss_coef", "output_router_logits");
    return {
      ...common,
      normEpsilon: reader.number("rms_norm_eps", 1e-5),
      rope: readRope(reader, { ...common, interleaved: false, partial: 0.5 }),
      queryKeyValueBias: reader.flag("attention_bias", false),
      outputBias: false,
      mlpBias: false,
      queryKeyNorm: reader.flag("use_qk_norm", false),
      sandwichNorms: false,
      fusedGateUp: false,
      mixture: {
        experts: reader.integer("n_routed_experts", 128),
        activeExperts: reader.integer("num_experts_per_tok", 8),
        feedForward: reader.integer("moe_intermediate_size", 1408),
        sharedExperts: reader.integer("n_shared_experts", 1, 0),
        firstDense: reader.integer("first_k_dense_replace", 1, 0),
        normalizes: reader.flag("norm_topk_prob", true),
        scale: reader.number("routed_scaling_factor", 1),
        groups: reader.integer("n_group", 1),
        activeGroups: reader.integer("topk_group", 1),
        nextTokenLayers: reader.integer("num_nextn_predict_layers", 0, 0),
      },
    };
  },
  write: (config) => ({
    architectures: ["Glm4MoeForCausalLM"],
    model_type: "glm4_moe",
    attention_bias: config.queryKeyValueBias,
    attention_dropout: 0,
    use_qk_norm: config.queryKeyNorm,
    partial_rotary_factor: config.rope.channels / config.headSize,
    rope_parameters: writeRope(config.rope, config.rope.channels / config.headSize),
    n_routed_experts: config.mixture!.experts,
    num_experts_per_tok: config.mixture!.activeExperts,
    moe_intermediate_size: config.mixture!.feedForward,
    n_shared_experts: config.mixture!.sharedExperts,
    first_k_dense_replace: config.mixture!.firstDense,
    norm_topk_prob: config.mixture!.normalizes,
    routed_scaling_factor: config.mixture!.scale,
    n_group: config.mixture!.groups,
    topk_group: config.mixture!.activeGroups,
    num_nextn_predict_layers: config.mixture!.nextTokenLayers,
  }),
});
