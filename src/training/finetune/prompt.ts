/**
 * Prompt tuning (Lester et al. 2021): learned embeddings before the text, and nothing else. In the graph they are rows
 * behind the vocabulary's embedding, and their ids stand before the text's; the output layer keeps the vocabulary alone.
 * Saved as PEFT reads it.
 */
import { join } from "node:path";
import { add, concat, expand, type HostTensor, iota, reshape, slice, type Tensor } from "../../engine/index.ts";
import { writeSafetensors } from "../../formats/index.ts";
import type { ModelConfig, ParameterTree } from "../../models/index.ts";
import { CongError } from "../../support/errors.ts";
import { replaceFolderAtomic, writeFileAtomic } from "../../support/files.ts";
import type { Random } from "../../support/random.ts";
import { hiddenLoss } from "../objectives/token-loss.ts";
import type { BaseModel } from "../runs/base-model.ts";
import type { TuningMethod } from "./method.ts";

export interface PromptOptions {
  readonly length: number;
  readonly base: string;
}

type Decoder<Leaf> = { readonly model: { readonly embed_tokens: { readonly weight: Leaf } } };
type Tree<Leaf> = { readonly base: Decoder<Leaf>; readonly prompt: { readonly weight: Leaf } };

/** Starts from embeddings of random tokens of the vocabulary, Lester's second best and safe start. */
export function promptMethod(
  { model, parameters }: BaseModel,
  { length, base }: PromptOptions,
  random: Random,
): TuningMethod {
  const { vocabulary } = model.config;
  const table = embeddingOf(parameters, model.config);
  const hidden = table.shape[1]!;
  const weight = new Float32Array(length * hidden);
  for (let row = 0; row < length; row++) {
    const from = random.integer(vocabulary) * hidden;
    weight.set((table.data as Float32Array).subarray(from, from + hidden), row * hidden);
  }
  const prompt: HostTensor = { dtype: "float32", shape: [length, hidden], data: weight };
  return {
    parameters: { base: parameters, prompt: { weight: prompt } } as unknown as ParameterTree<HostTensor>,
    frozen: (path) => path !== "prompt.weight",
    loss(tree, ids, targets, dropout) {
      const { base: own, prompt: learned } = tree as unknown as Tree<Tensor>;
      const wide = concat([own.model.embed_tokens.weight, learned.weight], 0); // (V + P, C)
      const widened = { ...own, model: { ...own.model, embed_tokens: { weight: wide } } };
      const rows = ids.shape[0]!;
      const virtual = expand(reshape(add(iota(ids.builder, length), vocabulary), [1, length]), [rows, length]);
      const inputs = { ids: concat([virtual, ids], 1), dropout }; // (B, P + T)
      const forward = model.family.forward(model.config, widened as unknown as ParameterTree<Tensor>, inputs);
      const states = slice(forward.hidden.at(-1)!, 1, length); // (B, T, C)
      return hiddenLoss(model, own as unknown as ParameterTree<Tensor>, states, targets);
    },
    virtualTokens: length,
    save(run, trained) {
      const learned = (trained as unknown as Tree<HostTensor>).prompt.weight;
      return savePrompt(join(run, "adapter"), learned, model.config, base);
    },
  };
}

function embeddingOf(parameters: ParameterTree<HostTensor>, { family }: ModelConfig): HostTensor {
  const found = (parameters as unknown as Partial<Decoder<HostTensor>>).model?.embed_tokens?.weight;
  if (found !== undefined) return found;
  throw new CongError(
    "BAD_ARGUMENT",
    `prompt tuning knows no embedding in the family ${family}`,
    { family },
    "it works for decoders with model.embed_tokens; use lora or ptuning-v2",
  );
}

/** PEFT's files of type PROMPT_TUNING. */
async function savePrompt(folder: string, prompt: HostTensor, config: ModelConfig, base: string): Promise<void> {
  const settings = {
    peft_type: "PROMPT_TUNING",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    inference_mode: true,
    num_virtual_tokens: prompt.shape[0],
    token_dim: prompt.shape[1],
    num_transformer_submodules: 1,
    num_attention_heads: config.heads,
    num_layers: config.layers,
    prompt_tuning_init: "RANDOM",
  };
  await replaceFolderAtomic(folder, async (to) => {
    const tensor = {
      name: "prompt_embeddings",
      dtype: "F32",
      shape: prompt.shape,
      data: prompt.data as Float32Array,
    } as const;
    await writeSafetensors(join(to, "adapter_model.safetensors"), [tensor], { metadata: { format: "pt" } });
    const text = `${JSON.stringify(settings, null, 2)}\n`;
    await writeFileAtomic(join(to, "adapter_config.json"), [new TextEncoder().encode(text)]);
  });
}
