/** The two configurations of learned prefixes: PEFT's, and the keys that P-Tuning v2 adds to a ChatGLM `config.json`. */
import { CongError } from "../support/errors.ts";
import type { AdapterJson, PrefixAdapter, PrefixShape } from "./adapter.ts";
import { readAdapterConfig } from "./config-keys.ts";

/** PEFT's `adapter_config.json` of type PREFIX_TUNING. Its heads are those of keys and values. */
export function readPeftPrefixConfig(
  json: AdapterJson,
  file: string,
): { readonly shape: PrefixShape; readonly base: string | undefined } {
  const reader = readAdapterConfig(json, file);
  reader.off("num_transformer_submodules", "encoder-decoder prefixes are not read", [1]);
  reader.off("modules_to_save", "whole trained modules belong into a model folder");
  reader.off("init_weights", "the start of another method");
  // A network that made the table is not in the file.
  reader.ignore("prefix_projection", "encoder_hidden_size", "inference_mode", "task_type", "revision", "auto_mapping");
  reader.ignore("peft_type", "peft_version");
  const heads = reader.integer("num_attention_heads");
  const channels = reader.integer("token_dim");
  if (channels % heads !== 0) throw reader.bad("token_dim", `a multiple of num_attention_heads (${heads})`);
  const shape: PrefixShape = {
    length: reader.integer("num_virtual_tokens"),
    layers: reader.integer("num_layers"),
    keyValueHeads: heads,
    headSize: channels / heads,
  };
  const base = reader.text("base_model_name_or_path");
  reader.finish();
  return { shape, base: base === "" ? undefined : base };
}

/** The file PEFT reads. */
export const writePeftPrefixConfig = ({ shape, base, parameters }: PrefixAdapter): AdapterJson => ({
  peft_type: "PREFIX_TUNING",
  task_type: "CAUSAL_LM",
  base_model_name_or_path: base ?? null,
  inference_mode: true,
  num_virtual_tokens: shape.length,
  num_layers: shape.layers,
  num_attention_heads: shape.keyValueHeads,
  token_dim: shape.keyValueHeads * shape.headSize,
  num_transformer_submodules: 1,
  encoder_hidden_size: parameters.transform === undefined ? null : encoderWidth(parameters),
  prefix_projection: parameters.transform !== undefined,
});

const encoderWidth = ({ embedding }: PrefixAdapter["parameters"]) => embedding.weight.shape[1]!;

/**
 * `pre_seq_len` and the sizes of a ChatGLM (`config.json` of ChatGLM-6B, or of ChatGLM2, ChatGLM3 and GLM-4-9B). The
 * other keys are the base model's, whose reader checks them.
 */
export function readThudmPrefixConfig(
  json: AdapterJson,
  file: string,
): { readonly shape: PrefixShape; readonly isProjected: boolean } {
  const reader = readAdapterConfig(json, file);
  if (reader.value("pre_seq_len") === undefined) {
    throw new CongError(
      "PATH_NOT_FOUND",
      `${file} is the configuration of a model without a prefix (no pre_seq_len), and there is no adapter_config.json`,
      { file },
      "give the folder of an adapter",
    );
  }
  const heads = reader.integer("num_attention_heads");
  const isGrouped = reader.flag("multi_query_attention", false);
  const isFirst = reader.value("kv_channels") === undefined;
  const hidden = isFirst ? reader.integer("hidden_size") : 0;
  if (hidden % heads !== 0) throw reader.bad("hidden_size", `a multiple of num_attention_heads (${heads})`);
  const shape: PrefixShape = {
    length: reader.integer("pre_seq_len"),
    layers: reader.integer("num_layers"),
    keyValueHeads: isGrouped ? reader.integer("multi_query_group_num", 1) : heads,
    headSize: isFirst ? hidden / heads : reader.integer("kv_channels"),
  };
  return { shape, isProjected: reader.flag("prefix_projection", false) };
}
