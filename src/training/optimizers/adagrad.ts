/** Adagrad, as torch.optim.Adagrad. */
import { add, div, mul, sqrt, sub } from "../../engine/index.ts";
import { atLeast, oneOf, positive, readOptions } from "../schedules/options.ts";
import { type DecayOptions, decayRule, type Optimizer, type OptimizerRules } from "./optimizer.ts";

export interface AdagradOptions extends DecayOptions {
  /** The rate falls as lr / (1 + (step − 1)·rateDecay); default 0. */
  readonly rateDecay?: number;
  /** Where the sum of squares starts; default 0. */
  readonly initialAccumulator?: number;
  /** Added to the root of the sum; default 1e-10. */
  readonly epsilon?: number;
}

/**
 * G' = G + g²;  p' = p − lr·g / (√G' + ε).
 *
 * Source: Duchi, Hazan, Singer (JMLR 12, 2011), diagonal form, with the options of torch.optim.Adagrad. The decay is an
 * L2 penalty; default 0.
 */
export function adagrad(options: AdagradOptions = {}, rules?: OptimizerRules): Optimizer {
  const read = readOptions("adagrad", options, {
    rateDecay: atLeast(0, 0),
    initialAccumulator: atLeast(0, 0),
    epsilon: positive(1e-10),
    weightDecay: atLeast(0, 0),
    decayOn: oneOf(["matrices", "all"], "matrices"),
  });
  const { rateDecay, initialAccumulator, epsilon } = read;
  return {
    name: "adagrad",
    options: read,
    init: (parameters) =>
      Object.fromEntries(parameters.map(({ path, spec }) => [path, { sum: { ...spec, initial: initialAccumulator } }])),
    decayOf: decayRule(read, rules),
    update({ parameter, gradient, moments, learningRate, step, decay, gradientScale }) {
      // Not folded: the square would need s² and the step s, two ops where this is one.
      const scaled = mul(gradient, gradientScale);
      const whole = decay === 0 ? scaled : add(scaled, mul(parameter, decay));
      const sum = add(moments["sum"]!, mul(whole, whole));
      const rate = rateDecay === 0 ? learningRate : div(learningRate, add(1, mul(sub(step, 1), rateDecay)));
      return { parameter: sub(parameter, div(mul(whole, rate), add(sqrt(sum), epsilon))), moments: { sum } };
    },
  };
}
