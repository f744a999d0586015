/** Lion: steps of one size in every coordinate, and one moment instead of Adam's two. */
import { add, mul, sign, sub } from "../../engine/index.ts";
import { atLeast, oneOf, readOptions } from "../schedules/options.ts";
import { beta } from "./adam-moments.ts";
import {
  type DecayOptions,
  decayRule,
  decoupledDecay,
  type Optimizer,
  type OptimizerRules,
  zerosLike,
} from "./optimizer.ts";

export interface LionOptions extends DecayOptions {
  /** Weight of the moment in the step; default 0.9. */
  readonly beta1?: number;
  /** Decay rate of the moment; default 0.99. */
  readonly beta2?: number;
}

/**
 * p' = p·(1 − lr·λ) − lr·sign(β1·m + (1−β1)·g);  m' = β2·m + (1−β2)·g.
 *
 * Source: Chen et al., "Symbolic discovery of optimization algorithms" (arXiv 2302.06675), program 1. The authors advise
 * a rate 3 to 10 times smaller, and a decay as much larger, than for AdamW. Default decay 0.
 */
export function lion(options: LionOptions = {}, rules?: OptimizerRules): Optimizer {
  const read = readOptions("lion", options, {
    beta1: beta(0.9),
    beta2: beta(0.99),
    weightDecay: atLeast(0, 0),
    decayOn: oneOf(["matrices", "all"], "matrices"),
  });
  const { beta1, beta2 } = read;
  return {
    name: "lion",
    options: read,
    init: zerosLike("momentum"),
    decayOf: decayRule(read, rules),
    update(call) {
      const { gradient, moments, learningRate, gradientScale } = call;
      const old = moments["momentum"]!;
      const direction = sign(add(mul(old, beta1), mul(gradient, mul(gradientScale, 1 - beta1))));
      const momentum = add(mul(old, beta2), mul(gradient, mul(gradientScale, 1 - beta2)));
      return { parameter: sub(decoupledDecay(call), mul(direction, learningRate)), moments: { momentum } };
    },
  };
}
