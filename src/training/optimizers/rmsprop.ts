/** RMSprop, as torch.optim.RMSprop. */
import { add, div, mul, sqrt, sub, type Tensor } from "../../engine/index.ts";
import { atLeast, between, flag, oneOf, positive, readOptions } from "../schedules/options.ts";
import { beta } from "./adam-moments.ts";
import { type DecayOptions, decayRule, type Optimizer, type OptimizerRules, zerosLike } from "./optimizer.ts";

export interface RmspropOptions extends DecayOptions {
  /** α, decay rate of the mean square; default 0.99. */
  readonly alpha?: number;
  /** Added to the root mean square; default 1e-8. */
  readonly epsilon?: number;
  /** Momentum on the scaled step; default 0. */
  readonly momentum?: number;
  /** Divide by the standard deviation instead of the root mean square; default false. */
  readonly centered?: boolean;
}

/**
 * v' = α·v + (1−α)·g²;  p' = p − lr·g / (√v' + ε); centered: √(v' − m'²) with m' the running mean of g;
 * momentum: b' = μ·b + g / (…), p' = p − lr·b'.
 *
 * Source: Tieleman and Hinton, lecture 6e (2012), in the form of torch.optim.RMSprop (ε outside the root). The decay is
 * an L2 penalty; default 0.
 */
export function rmsprop(options: RmspropOptions = {}, rules?: OptimizerRules): Optimizer {
  const read = readOptions("rmsprop", options, {
    alpha: beta(0.99),
    epsilon: positive(1e-8),
    momentum: between(0, 1, 0),
    centered: flag(false),
    weightDecay: atLeast(0, 0),
    decayOn: oneOf(["matrices", "all"], "matrices"),
  });
  const { alpha, epsilon, momentum, centered } = read;
  const names = ["square", ...(centered ? ["mean"] : []), ...(momentum > 0 ? ["momentum"] : [])];
  return {
    name: "rmsprop",
    options: read,
    init: zerosLike(...names),
    decayOf: decayRule(read, rules),
    update({ parameter, gradient, moments, learningRate, decay, gradientScale }) {
      const scaled = decay === 0 ? gradient : add(mul(gradient, gradientScale), mul(parameter, decay));
      // What `scaled` still has to be multiplied by.
      const scale: Tensor | undefined = decay === 0 ? gradientScale : undefined;
      const times = (factor: number) => mul(scaled, scale === undefined ? factor : mul(scale, factor));
      const root = times(Math.sqrt(1 - alpha));
      const square = add(mul(moments["square"]!, alpha), mul(root, root));
      const next: Record<string, Tensor> = { square };
      let variance = square;
      if (centered) {
        const average = add(mul(moments["mean"]!, alpha), times(1 - alpha));
        variance = sub(square, mul(average, average));
        next["mean"] = average;
      }
      const denominator = add(sqrt(variance), epsilon);
      if (momentum === 0) {
        const rate = scale === undefined ? learningRate : mul(learningRate, scale);
        return { parameter: sub(parameter, div(mul(scaled, rate), denominator)), moments: next };
      }
      const direction = div(scale === undefined ? scaled : mul(scaled, scale), denominator);
      const velocity = add(mul(moments["momentum"]!, momentum), direction);
      next["momentum"] = velocity;
      return { parameter: sub(parameter, mul(velocity, learningRate)), moments: next };
    },
  };
}
