/**
 * The two schedules that GLM itself was pre-trained with (`AnnealingLR` in THUDM/GLM). They differ from `cosine` and
 * `linear` in one point which matters for repeating a published run: the decay takes `decaySteps` after the warm-up, so
 * the floor is reached at warmup + decay, not at decay.
 */
import { between, count, positive, readOptions } from "./options.ts";
import { cosineBetween, type Schedule, warmUpThen } from "./schedule.ts";

export interface GlmOptions {
  /** Peak rate: lr, reached at the end of the warm-up. */
  readonly learningRate: number;
  /** Steps from the peak to the floor: N, `lr-decay-iters` in GLM's scripts. */
  readonly decaySteps: number;
  /** Steps of linear rise from 0: w, 0.5 to 6 % of the run in GLM's scripts; default 0. */
  readonly warmupSteps?: number;
  /** The floor as a part of the peak, 1/R: `lr-decay-ratio` in GLM's scripts, 0.025 to 0.1 there; default 0.1. */
  readonly decayRatio?: number;
}

const fields = {
  learningRate: positive(),
  decaySteps: count(1),
  warmupSteps: count(0, 0),
  decayRatio: between(0, 1, 0.1),
};

/**
 * lr(n) = lr/R·((cos(π·min(1, (n − w)/N)) + 1)·(R − 1)/2 + 1), R = 1 / decayRatio: half a cosine from lr to lr/R.
 * Source: `learning_rates.py` of THUDM/GLM.
 */
export function glmCosine(options: GlmOptions): Schedule {
  const { learningRate, decaySteps, warmupSteps, decayRatio } = readOptions("glm_cosine", options, fields);
  return warmUpThen(learningRate, warmupSteps, (n) =>
    cosineBetween(learningRate, learningRate * decayRatio, Math.min(1, n / decaySteps)),
  );
}

/**
 * lr(n) = lr − lr·(1 − 1/R)·(n − w)/N, kept at lr/R from n = w + N (the original goes on falling, at last below 0).
 * Source: `learning_rates.py` of THUDM/GLM; its first versions are decayRatio 0.
 */
export function glmLinear(options: GlmOptions): Schedule {
  const { learningRate, decaySteps, warmupSteps, decayRatio } = readOptions("glm_linear", options, fields);
  return warmUpThen(
    learningRate,
    warmupSteps,
    (n) => learningRate - (learningRate * (1 - decayRatio) * Math.min(n, decaySteps)) / decaySteps,
  );
}
