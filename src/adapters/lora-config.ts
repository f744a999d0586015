/** PEFT's `adapter_config.json` of a LoRA, read and written. */
import type { AdapterJson, LoraConfig } from "./adapter.ts";
import { readAdapterConfig } from "./config-keys.ts";

/**
 * @throws CongError `BAD_CONFIG` for unknown keys and for variants that change the computation (DoRA, biases, replicated
 * layers, PiSSA and others that rewrite the base model)
 */
export function readLoraConfig(json: AdapterJson, file: string): { config: LoraConfig; base: string | undefined } {
  const reader = readAdapterConfig(json, file);
  const targetModules = reader.names("target_modules");
  if (targetModules === undefined || targetModules.length === 0) throw reader.bad("target_modules", "names of modules");
  const layers = reader.value("layers_to_transform");
  const layerList = typeof layers === "number" ? [layers] : layers;
  if (layerList !== undefined && !(Array.isArray(layerList) && layerList.every(Number.isSafeInteger))) {
    throw reader.bad("layers_to_transform", "numbers of layers");
  }
  const layersPattern = reader.names("layers_pattern") ?? [];
  reader.off("bias", "trained biases are not read", ["none"]);
  reader.off("init_lora_weights", "that start rewrites the base model's weights", [true, "gaussian", "orthogonal"]);
  for (const [key, what] of variants) reader.off(key, what);
  reader.ignore("peft_type", "peft_version", "task_type", "inference_mode", "revision", "auto_mapping");
  reader.ignore("megatron_core", "qalora_group_size", "runtime_config", "ensure_weight_tying");
  const config: LoraConfig = {
    rank: reader.integer("r", 8),
    alpha: reader.number("lora_alpha", 8),
    rankStabilized: reader.flag("use_rslora", false),
    targetModules,
    excludeModules: reader.names("exclude_modules") ?? [],
    layers: layerList as number[] | undefined,
    layersPattern: typeof layersPattern === "string" ? [layersPattern] : layersPattern,
    rankPattern: reader.numbers("rank_pattern"),
    alphaPattern: reader.numbers("alpha_pattern"),
    dropout: reader.number("lora_dropout", 0),
  };
  const base = reader.text("base_model_name_or_path");
  reader.finish();
  for (const rank of Object.values(config.rankPattern)) {
    if (!Number.isSafeInteger(rank)) throw reader.bad("rank_pattern", "whole numbers");
  }
  return { config, base: base === "" ? undefined : base };
}

const variants: readonly (readonly [key: string, why: string])[] = [
  ["use_dora", "DoRA rescales the whole weight"],
  ["use_qalora", "QA-LoRA pools the inputs"],
  ["use_bdlora", "block-diagonal factors are not read"],
  ["lora_bias", "biases on B are not read"],
  ["fan_in_fan_out", "weights stored [in, out] are not used here"],
  ["modules_to_save", "whole trained modules belong into a model folder"],
  ["layer_replication", "repeated layers make another model"],
  ["target_parameters", "only linear layers are adapted"],
  ["trainable_token_indices", "trained token embeddings are not read"],
  ["alora_invocation_tokens", "activated LoRA depends on the prompt"],
  ["loftq_config", "LoftQ rewrites the base model's weights"],
  ["eva_config", "only the settings of its start, but they may rewrite the base"],
  ["corda_config", "CorDA rewrites the base model's weights"],
  ["lora_ga_config", "LoRA-GA rewrites the base model's weights"],
  ["megatron_config", "Megatron's parallel layers are not used here"],
  ["arrow_config", "routed adapters are not read"],
  ["kasa_config", "KaSA is not read"],
  ["monteclora_config", "MonteCLoRA is not read"],
  ["velora_config", "VeLoRA is not read"],
];

/** The file PEFT reads. */
export const writeLoraConfig = (config: LoraConfig, base: string | undefined): AdapterJson => ({
  peft_type: "LORA",
  task_type: "CAUSAL_LM",
  base_model_name_or_path: base ?? null,
  inference_mode: true,
  r: config.rank,
  lora_alpha: config.alpha,
  lora_dropout: config.dropout,
  use_rslora: config.rankStabilized,
  use_dora: false,
  bias: "none",
  fan_in_fan_out: false,
  init_lora_weights: true,
  target_modules: config.targetModules,
  exclude_modules: config.excludeModules.length === 0 ? null : config.excludeModules,
  layers_to_transform: config.layers ?? null,
  layers_pattern: config.layersPattern.length === 0 ? null : config.layersPattern,
  rank_pattern: config.rankPattern,
  alpha_pattern: config.alphaPattern,
  modules_to_save: null,
});
