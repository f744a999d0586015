/**
 * Prompt tuning (Lester et al. 2021): learned embeddings before the text, and nothing else. Saved as PEFT reads it.
 */
import { join } from "node:path";
import { embeddingOf, type PromptAdapter, saveAdapter, withPrompt } from "../../adapters/index.ts";
import { type HostTensor, slice, type Tensor, type Tree } from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import type { Random } from "../../support/random.ts";
import { hiddenLoss } from "../objectives/token-loss.ts";
import type { BaseModel } from "../runs/base-model.ts";
import type { TuningMethod } from "./method.ts";

export interface PromptOptions {
  readonly length: number;
  readonly base: string;
}

type PromptTree<Leaf extends object> = { readonly base: Tree<Leaf>; readonly prompt: { readonly weight: Leaf } };

/** Starts from embeddings of random tokens of the vocabulary, Lester's second best and safe start. */
export function promptMethod(
  { model, parameters }: BaseModel,
  { length, base }: PromptOptions,
  random: Random,
): TuningMethod {
  const { vocabulary, family, layers, heads } = model.config;
  const table = embeddingOf<HostTensor>(parameters, family);
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
      const { base: own, prompt: learned } = tree as unknown as PromptTree<Tensor>;
      const prompted = withPrompt(own, learned.weight, ids, model.config);
      const forward = model.family.forward(model.config, prompted.parameters, { ids: prompted.ids, dropout });
      const states = slice(forward.hidden.at(-1)!, 1, length); // (B, T, C)
      return hiddenLoss(model, own, states, targets);
    },
    virtualTokens: length,
    save(run, trained) {
      const { weight: embeddings } = (trained as unknown as PromptTree<HostTensor>).prompt;
      const adapter: PromptAdapter = { kind: "prompt", base, layers, heads, embeddings };
      return saveAdapter(join(run, "adapter"), adapter);
    },
  };
}
