/** The two moments and the bias-corrected step that Adam and AdamW share. */
import { add, div, mul, sqrt, type Tensor, tanh } from "../../engine/index.ts";
import { atLeast, below1, type Field, oneOf, positive } from "../schedules/options.ts";
import type { DecayOptions, UpdateCall } from "./optimizer.ts";

export interface AdamOptions extends DecayOptions {
  /** Decay rate of the mean of the gradient; default 0.9. */
  readonly beta1?: number;
  /** Decay rate of the mean of its square; default 0.999. Language models are usually pre-trained with 0.95. */
  readonly beta2?: number;
  /** Added to the root of the second moment; default 1e-8. */
  readonly epsilon?: number;
}

/** Accepts a decay rate of a running mean: 1 itself would never forget, and its bias correction divides by 0. */
export const beta = (fallback: number): Field<number> => below1(fallback);

export const adamFields = (weightDecay: number) => ({
  beta1: beta(0.9),
  beta2: beta(0.999),
  epsilon: positive(1e-8),
  weightDecay: atLeast(0, weightDecay),
  decayOn: oneOf(["matrices", "all"] as const, "matrices"),
});

/**
 * 1 − β^step as a float32 scalar, correct to a few units in the last place for every step.
 *
 * The plain formula is useless in float32: 1 − float32(0.999) is off by 3e-5 already, because β rounds before the
 * subtraction magnifies the error. With y = −step·ln(β)/2, 1 − e^(−2y) = 2·tanh(y) / (1 + tanh(y)) subtracts nothing.
 */
export function biasCorrection(decayRate: number, step: Tensor): Tensor {
  const h = tanh(mul(step, -Math.log(decayRate) / 2));
  return div(mul(h, 2), add(h, 1));
}

/**
 * m' = β1·m + (1−β1)·s·g;  v' = β2·v + (√(1−β2)·s·g)²;  change = lr·(m'/c1) / (√(v'/c2) + ε), c = 1 − β^step.
 *
 * Source: Kingma and Ba, "Adam" (arXiv 1412.6980), algorithm 1, in the order of its section 2: with a = lr·√c2/c1 and
 * ε' = ε·√c2 the change is a·m' / (√v' + ε'), so that both corrections are scalars. Eleven full-size ops.
 */
export function adamChange(
  call: Pick<UpdateCall, "gradient" | "moments" | "learningRate" | "step" | "gradientScale">,
  options: Pick<Required<AdamOptions>, "beta1" | "beta2" | "epsilon">,
): { readonly change: Tensor; readonly moments: { readonly first: Tensor; readonly second: Tensor } } {
  const { gradient, moments, learningRate, step, gradientScale } = call;
  const { beta1, beta2, epsilon } = options;
  const first = add(mul(moments["first"]!, beta1), mul(gradient, mul(gradientScale, 1 - beta1)));
  // Scaled before it is squared: s² alone underflows when a gradient of 1e18 is clipped, and then v' would stay 0.
  const scaled = mul(gradient, mul(gradientScale, Math.sqrt(1 - beta2)));
  const second = add(mul(moments["second"]!, beta2), mul(scaled, scaled));
  const root = beta2 === 0 ? 1 : sqrt(biasCorrection(beta2, step));
  const rate = mul(learningRate, beta1 === 0 ? root : div(root, biasCorrection(beta1, step)));
  const change = div(mul(first, rate), add(sqrt(second), root === 1 ? epsilon : mul(root, epsilon)));
  return { change, moments: { first, second } };
}
