/** LoRA (Hu et al. 2022): small corrections of linear layers, saved as PEFT reads them. */
import { join } from "node:path";
import { attachLora, detachLora, dropLora, initLora, isLoraPath, saveAdapter } from "../../adapters/index.ts";
import type { HostTensor, Tree } from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import type { Random } from "../../support/random.ts";
import { tokenLoss } from "../objectives/token-loss.ts";
import type { BaseModel } from "../runs/base-model.ts";
import type { TuningMethod } from "./method.ts";

export interface LoraMethodOptions {
  readonly rank: number;
  readonly alpha: number;
  /** Names of linear layers; none: all but the output. */
  readonly targets: readonly string[];
  readonly rankStabilized: boolean;
  /** Share of the input of A that training drops; PEFT's `lora_dropout`. */
  readonly dropout: number;
  /** Folder of the base model, for `adapter_config.json`. */
  readonly base: string;
}

export function loraMethod({ model, parameters }: BaseModel, options: LoraMethodOptions, random: Random): TuningMethod {
  const { rank, alpha, targets, rankStabilized, dropout: rate, base } = options;
  const targetModules = targets.length === 0 ? "all-linear" : targets;
  const adapter = initLora(
    parameters as Tree<HostTensor>,
    { rank, alpha, rankStabilized, targetModules, dropout: rate, base },
    random,
  );
  return {
    parameters: attachLora(parameters as Tree<HostTensor>, adapter) as unknown as ParameterTree<HostTensor>,
    frozen: (path) => !isLoraPath(path),
    loss(tree, ids, targets, dropout) {
      const trained = dropout === undefined ? tree : dropLora(tree, { ...dropout, rate });
      return tokenLoss(model, trained, { ids, dropout }, targets);
    },
    virtualTokens: 0,
    save: (run, trained) => saveAdapter(join(run, "adapter"), detachLora(trained as Tree<HostTensor>, adapter)),
  };
}
