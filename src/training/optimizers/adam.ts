/** Adam with an L2 penalty, as torch.optim.Adam. For decoupled decay, which is what one usually wants, see adamw.ts. */
import { add, mul, scalar, sub } from "../../engine/index.ts";
import { readOptions } from "../schedules/options.ts";
import { type AdamOptions, adamChange, adamFields } from "./adam-moments.ts";
import { decayRule, type Optimizer, type OptimizerRules, zerosLike } from "./optimizer.ts";

/**
 * Adam (see `adamChange`) on g' = s·g + λ·p. Source: the algorithm box of torch.optim.Adam; default decay 0.
 */
export function adam(options: AdamOptions = {}, rules?: OptimizerRules): Optimizer {
  const read = readOptions("adam", options, adamFields(0));
  return {
    name: "adam",
    options: read,
    init: zerosLike("first", "second"),
    decayOf: decayRule(read, rules),
    update(call) {
      const { parameter, gradient, decay, gradientScale } = call;
      const penalised =
        decay === 0
          ? call
          : {
              ...call,
              gradient: add(mul(gradient, gradientScale), mul(parameter, decay)),
              gradientScale: scalar(gradientScale, 1),
            };
      const { change, moments } = adamChange(penalised, read);
      return { parameter: sub(parameter, change), moments };
    },
  };
}
