/** Half a cosine from the peak to a floor: the usual schedule of pre-training. */
import { atLeast, checkOrder, count, oneOf, positive, readOptions } from "./options.ts";
import { cosineBetween, type Schedule, warmUpThen } from "./schedule.ts";

export interface CosineOptions {
  /** Peak rate, reached at the end of the warm-up. */
  readonly learningRate: number;
  /** Steps in all, warm-up included. */
  readonly totalSteps: number;
  /** Steps of linear rise from 0; default 0. */
  readonly warmupSteps?: number;
  /** Floor; default 0. A tenth of the peak is common in pre-training. */
  readonly minimumLearningRate?: number;
  /** After `totalSteps`: `hold` the floor (default), or `rise` again along the cosine as the Python libraries do. */
  readonly afterEnd?: "hold" | "rise";
}

/**
 * lr(n) = min + (lr − min)·(1 + cos(π·p)) / 2, p = (n − warmup) / (total − warmup).
 *
 * Source: Loshchilov and Hutter, "SGDR" (arXiv 1608.03983), equation 5, one cycle. With `afterEnd: "rise"` it equals
 * PyTorch's `CosineAnnealingLR` and, with a warm-up, transformers' `get_cosine_schedule_with_warmup`, also past the end;
 * holding is the default because a run extended by a few steps should not have its rate raised again unasked.
 */
export function cosine(options: CosineOptions): Schedule {
  const read = readOptions("cosine", options, {
    learningRate: positive(),
    totalSteps: count(1),
    warmupSteps: count(0, 0),
    minimumLearningRate: atLeast(0, 0),
    afterEnd: oneOf(["hold", "rise"], "hold"),
  });
  checkOrder("cosine", read);
  const { learningRate, totalSteps, warmupSteps, minimumLearningRate, afterEnd } = read;
  const decaySteps = totalSteps - warmupSteps;
  return warmUpThen(learningRate, warmupSteps, (n) => {
    const progress = n / decaySteps;
    return cosineBetween(learningRate, minimumLearningRate, afterEnd === "hold" ? Math.min(1, progress) : progress);
  });
}
