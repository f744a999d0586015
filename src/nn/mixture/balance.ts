/** Keeping experts equally busy: by a loss, or by the bias of the choice. N tokens, E experts. */
import { add, mean, mul, sign, stopGradient, sub, sum, type Tensor } from "../../engine/index.ts";
import type { Routing } from "./router.ts";

/**
 * Load-balancing loss E·Σ_e f_e·P_e, with f_e the share of tokens sent to expert e and P_e its mean router probability
 * (Fedus et al. 2021, "Switch Transformer", equation 4, without its factor α).
 *
 * With K active experts the f_e add up to K, as in Hugging Face's Mixtral, so perfect balance gives K. Made for softmax
 * scores.
 */
export function loadBalancingLoss({ chosen, scores }: Routing): Tensor {
  const shares = mean(chosen, { axes: 0 }); // (E)
  const probabilities = mean(scores, { axes: 0 }); // (E)
  return mul(sum(mul(shares, probabilities)), Number(scores.shape[1]));
}

/**
 * The correction bias for the next step: up by `rate` for experts that got less than their share of this batch, down
 * for the others (Wang et al. 2024, "Auxiliary-loss-free load balancing"). No gradient is involved: assign the result
 * to the bias's state.
 * @param correctionBias [E]
 * @param rate DeepSeek-V3 used 0.001
 */
export function nextCorrectionBias(correctionBias: Tensor, routing: Routing, rate = 0.001): Tensor {
  const load = stopGradient(mean(routing.chosen, { axes: 0 })); // (E)
  return add(correctionBias, mul(sign(sub(mean(load), load)), rate));
}
