/**
 * P-Tuning v2 (Liu et al. 2022): learned keys and values before all tokens in every layer. Saved as PEFT's prefix
 * tuning, in which the prefix takes the first positions.
 */
import { join } from "node:path";
import { initPrefix, type PrefixParameters, prefixKeysAndValues, saveAdapter } from "../../adapters/index.ts";
import { add, type HostTensor, iota, mapTree, type Tensor } from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import type { Random } from "../../support/random.ts";
import { tokenLoss } from "../objectives/token-loss.ts";
import type { BaseModel } from "../runs/base-model.ts";
import type { TuningMethod } from "./method.ts";

export interface PtuningOptions {
  /** Virtual tokens. */
  readonly length: number;
  /** Hidden channels of the network that makes the prefix; null: the table itself is trained. */
  readonly projection: number | null;
  readonly base: string;
}

/**
 * Standard deviation of the fresh table where nothing stands between it and the attention. PyTorch's embedding starts at
 * 1, which is as loud as a whole token and takes a small model hundreds of steps to unlearn; 0.02 is what fresh weights have.
 */
const quietStart = 0.02;

type Tree = { readonly base: ParameterTree<Tensor>; readonly prefix: PrefixParameters<Tensor> };

export function ptuningMethod({ model, parameters }: BaseModel, options: PtuningOptions, random: Random): TuningMethod {
  const { layers, keyValueHeads, headSize } = model.config;
  const { length, projection, base } = options;
  const shape = { length, layers, keyValueHeads, headSize };
  const made = initPrefix(
    { ...shape, ...(projection === null ? {} : { projection }), occupiesPositions: true, base },
    random,
  );
  const prefix = projection === null ? scaled(made.parameters, quietStart) : made.parameters;
  return {
    parameters: { base: parameters, prefix } as unknown as ParameterTree<HostTensor>,
    frozen: (path) => !path.startsWith("prefix."),
    loss(tree, ids, targets, dropout) {
      const { base: own, prefix: learned } = tree as unknown as Tree;
      const positions = add(iota(ids.builder, ids.shape[1]!), length);
      const inputs = { ids, positions, prefix: prefixKeysAndValues(learned, shape), dropout };
      return tokenLoss(model, own, inputs, targets);
    },
    virtualTokens: length,
    save(run, trained) {
      const learned = (trained as unknown as { readonly prefix: PrefixParameters<HostTensor> }).prefix;
      return saveAdapter(join(run, "adapter"), { ...made, parameters: learned });
    },
  };
}

const scaled = (parameters: PrefixParameters<HostTensor>, factor: number): PrefixParameters<HostTensor> =>
  mapTree<HostTensor, HostTensor, PrefixParameters<HostTensor>>(parameters, (tensor) => ({
    ...tensor,
    data: (tensor.data as Float32Array).map((value) => value * factor),
  })) as unknown as PrefixParameters<HostTensor>;
