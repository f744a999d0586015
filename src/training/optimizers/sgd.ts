/** Stochastic gradient descent with momentum, as torch.optim.SGD. */
import { add, mul, sub } from "../../engine/index.ts";
import { atLeast, between, flag, oneOf, readOptions } from "../schedules/options.ts";
import {
  type DecayOptions,
  decayRule,
  decoupledDecay,
  type Optimizer,
  type OptimizerRules,
  zerosLike,
} from "./optimizer.ts";

export interface SgdOptions extends DecayOptions {
  /** μ; default 0. */
  readonly momentum?: number;
  /** Look ahead along the momentum; default false, needs momentum. */
  readonly nesterov?: boolean;
}

/**
 * g' = g·s + λ·p;  v' = μ·v + g';  p' = p − lr·v', with Nesterov p' = p − lr·(g' + μ·v').
 *
 * Source: the algorithm box of torch.optim.SGD with dampening 0 (momentum after Sutskever et al. 2013, which is free of
 * the learning rate). The decay is an L2 penalty inside the gradient. Default decay 0.
 */
export function sgd(options: SgdOptions = {}, rules?: OptimizerRules): Optimizer {
  const read = readOptions("sgd", options, {
    momentum: between(0, 1, 0),
    nesterov: flag(false),
    weightDecay: atLeast(0, 0),
    decayOn: oneOf(["matrices", "all"], "matrices"),
  });
  const { momentum, nesterov } = read;
  return {
    name: "sgd",
    options: read,
    init: momentum === 0 ? zerosLike() : zerosLike("momentum"),
    decayOf: decayRule(read, rules),
    update(call) {
      const { parameter, gradient, moments, learningRate, decay, gradientScale } = call;
      if (momentum === 0) {
        // Without momentum an L2 penalty and a decoupled decay are the same thing, and this is the cheaper form.
        const step = mul(gradient, mul(learningRate, gradientScale));
        return { parameter: sub(decoupledDecay(call), step), moments: {} };
      }
      const scaled = mul(gradient, gradientScale);
      const whole = decay === 0 ? scaled : add(scaled, mul(parameter, decay));
      const velocity = add(mul(moments["momentum"]!, momentum), whole);
      const step = nesterov
        ? add(mul(whole, learningRate), mul(velocity, mul(learningRate, momentum)))
        : mul(velocity, learningRate);
      return { parameter: sub(parameter, step), moments: { momentum: velocity } };
    },
  };
}
