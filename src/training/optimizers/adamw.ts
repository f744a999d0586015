/** Adam with decoupled weight decay, as torch.optim.AdamW: the usual choice for language models. */
import { sub } from "../../engine/index.ts";
import { readOptions } from "../schedules/options.ts";
import { type AdamOptions, adamChange, adamFields } from "./adam-moments.ts";
import { decayRule, decoupledDecay, type Optimizer, type OptimizerRules, zerosLike } from "./optimizer.ts";

export type AdamWOptions = AdamOptions;

/**
 * p' = p·(1 − lr·λ) − change, the change being Adam's (see `adamChange`). Thirteen full-size ops.
 *
 * Source: Loshchilov and Hutter (arXiv 1711.05101), algorithm 2, with the schedule inside lr as in torch.optim.AdamW.
 * Default decay 0.01, on matrices only.
 */
export function adamw(options: AdamWOptions = {}, rules?: OptimizerRules): Optimizer {
  const read = readOptions("adamw", options, adamFields(0.01));
  return {
    name: "adamw",
    options: read,
    init: zerosLike("first", "second"),
    decayOf: decayRule(read, rules),
    update(call) {
      const { change, moments } = adamChange(call, read);
      return { parameter: sub(decoupledDecay(call), change), moments };
    },
  };
}
