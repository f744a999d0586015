/**
 * Warm-up, stable, decay: a constant rate for as long as one likes, then a short decay. Checkpoints of the stable part
 * can be decayed at any time, so one run serves several lengths of training.
 */
import { atLeast, checkOrder, count, oneOf, positive, readOptions } from "./options.ts";
import { cosineBetween, type Schedule, warmUpThen } from "./schedule.ts";

const shapes = ["cosine", "linear", "one_minus_sqrt"] as const;

export interface WsdOptions {
  /** Rate of the stable part. */
  readonly learningRate: number;
  /** Steps at the full rate, after the warm-up. */
  readonly stableSteps: number;
  /** Steps of decay, after the stable part; about a tenth of the run is usual. */
  readonly decaySteps: number;
  /** Steps of linear rise from 0; default 0. */
  readonly warmupSteps?: number;
  /** Rate at the end of the decay, kept afterwards; default 0. */
  readonly minimumLearningRate?: number;
  /** Form of the decay; default `cosine`. */
  readonly shape?: (typeof shapes)[number];
}

/**
 * With p = (n − warmup − stable) / decay the decay is min + (lr − min)·f(p), f being (1 + cos πp) / 2, 1 − p or 1 − √p.
 *
 * Source: Hu et al., "MiniCPM" (arXiv 2404.06395); 1 − √p from Hägele et al. (arXiv 2405.18392). Equals transformers'
 * `get_wsd_schedule` when the floor is 0; with a floor, transformers also begins the warm-up there instead of at 0.
 */
export function wsd(options: WsdOptions): Schedule {
  const read = readOptions("wsd", options, {
    learningRate: positive(),
    stableSteps: count(0),
    decaySteps: count(1),
    warmupSteps: count(0, 0),
    minimumLearningRate: atLeast(0, 0),
    shape: oneOf(shapes, "cosine"),
  });
  checkOrder("wsd", read);
  const { learningRate, stableSteps, decaySteps, warmupSteps, minimumLearningRate, shape } = read;
  return warmUpThen(learningRate, warmupSteps, (n) => {
    if (n < stableSteps) return learningRate;
    const progress = Math.min(1, (n - stableSteps) / decaySteps);
    if (shape === "cosine") return cosineBetween(learningRate, minimumLearningRate, progress);
    const left = shape === "linear" ? 1 - progress : 1 - Math.sqrt(progress);
    return minimumLearningRate + (learningRate - minimumLearningRate) * left;
  });
}
