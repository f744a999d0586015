/** PEFT's `adapter_config.json` of type PROMPT_TUNING (Lester et al. 2021), read and written. */
import type { AdapterJson, PromptAdapter } from "./adapter.ts";
import { readAdapterConfig } from "./config-keys.ts";

/** What the file says of the tensor beside it. */
export interface PromptShape {
  /** P */
  readonly length: number;
  /** C */
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
}

/** @throws CongError `BAD_CONFIG` for unknown keys, and prompts of encoder-decoder models */
export function readPromptConfig(
  json: AdapterJson,
  file: string,
): { readonly shape: PromptShape; readonly base: string | undefined } {
  const reader = readAdapterConfig(json, file);
  reader.off("num_transformer_submodules", "encoder-decoder prompts are not read", [1]);
  reader.off("modules_to_save", "whole trained modules belong into a model folder");
  // How the embeddings began does not matter once they are trained.
  reader.ignore("prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs");
  reader.ignore("inference_mode", "task_type", "revision", "auto_mapping", "peft_type", "peft_version");
  const shape: PromptShape = {
    length: reader.integer("num_virtual_tokens"),
    hidden: reader.integer("token_dim"),
    layers: reader.integer("num_layers"),
    heads: reader.integer("num_attention_heads"),
  };
  const base = reader.text("base_model_name_or_path");
  reader.finish();
  return { shape, base: base === "" ? undefined : base };
}

/** The file PEFT reads. */
export const writePromptConfig = ({ embeddings, layers, heads, base }: PromptAdapter): AdapterJson => ({
  peft_type: "PROMPT_TUNING",
  task_type: "CAUSAL_LM",
  base_model_name_or_path: base ?? null,
  inference_mode: true,
  num_virtual_tokens: embeddings.shape[0],
  token_dim: embeddings.shape[1],
  num_transformer_submodules: 1,
  num_attention_heads: heads,
  num_layers: layers,
  prompt_tuning_init: "RANDOM",
});
