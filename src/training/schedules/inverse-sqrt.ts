/** Decay with the inverse square root of the step: needs no length of the run, so training may go on at will. */
import { count, positive, readOptions } from "./options.ts";
import { type Schedule, warmUpThen } from "./schedule.ts";

export interface InverseSqrtOptions {
  /** Peak rate, reached at the end of the warm-up. */
  readonly learningRate: number;
  /** Steps of linear rise from 0; default 0. */
  readonly warmupSteps?: number;
  /** Three times as many steps after the warm-up halve the rate; default warmupSteps, or 10,000 without warm-up. */
  readonly timescale?: number;
}

/**
 * lr(n) = lr·√(s / (n − warmup + s)), s the timescale. With s = warmup this is the schedule of Vaswani et al., "Attention is
 * all you need" (arXiv 1706.03762), section 5.3, scaled to a chosen peak: lr·√(warmup / n).
 * Equals `get_inverse_sqrt_schedule` of Hugging Face transformers (after Zhai et al., arXiv 2106.04560).
 */
export function inverseSqrt(options: InverseSqrtOptions): Schedule {
  const { learningRate, warmupSteps, timescale } = readOptions("inverse_sqrt", options, {
    learningRate: positive(),
    warmupSteps: count(0, 0),
    timescale: count(1, options.warmupSteps || 10_000),
  });
  return warmUpThen(learningRate, warmupSteps, (n) => learningRate * Math.sqrt(timescale / (n + timescale)));
}
