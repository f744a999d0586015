/** Cosine decay which jumps back to the peak at the end of every cycle (warm restarts). */
import { atLeast, checkOrder, count, positive, readOptions } from "./options.ts";
import { cosineBetween, type Schedule, warmUpThen } from "./schedule.ts";

export interface CosineWithRestartsOptions {
  /** Rate at the start of every cycle. */
  readonly learningRate: number;
  /** Steps of the first cycle. */
  readonly cycleSteps: number;
  /** Each cycle is this many times as long as the one before; whole, default 1. */
  readonly cycleMultiplier?: number;
  /** Rate which the end of every cycle approaches; default 0. */
  readonly minimumLearningRate?: number;
  /** Steps of linear rise from 0 before the first cycle; default 0. */
  readonly warmupSteps?: number;
}

/**
 * lr(n) = min + (lr − min)·(1 + cos(π·t / T)) / 2, where t counts the steps since the last restart and T is the length of
 * the present cycle: cycleSteps·cycleMultiplier^i for cycle i. There is no end: cycles go on.
 *
 * Source: Loshchilov and Hutter, "SGDR" (arXiv 1608.03983). Equals PyTorch's `CosineAnnealingWarmRestarts(T_0, T_mult)`;
 * transformers' `get_cosine_with_hard_restarts_schedule_with_warmup` is cycleSteps = (total − warmup) / cycles.
 */
export function cosineWithRestarts(options: CosineWithRestartsOptions): Schedule {
  const read = readOptions("cosine_with_restarts", options, {
    learningRate: positive(),
    cycleSteps: count(1),
    cycleMultiplier: count(1, 1),
    minimumLearningRate: atLeast(0, 0),
    warmupSteps: count(0, 0),
  });
  checkOrder("cosine_with_restarts", read);
  const { learningRate, cycleSteps, cycleMultiplier, minimumLearningRate, warmupSteps } = read;
  return warmUpThen(learningRate, warmupSteps, (n) => {
    const [t, length] = placeInCycle(n, cycleSteps, cycleMultiplier);
    return cosineBetween(learningRate, minimumLearningRate, t / length);
  });
}

/**
 * Steps since the last restart, and the length of that cycle. Growing cycles are walked rather than solved for with a
 * logarithm, which would be off by one at restarts; the walk is exact and takes a step per cycle, so log2(n) at most.
 */
function placeInCycle(n: number, first: number, multiplier: number): readonly [number, number] {
  if (multiplier === 1) return [n % first, first];
  let since = n;
  let length = first;
  while (since >= length) {
    since -= length;
    length *= multiplier;
  }
  return [since, length];
}
