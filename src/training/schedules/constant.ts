/** Constant rate after an optional warm-up: for probes, for fine-tuning briefly, and as the control of a comparison. */
import { count, positive, readOptions } from "./options.ts";
import { type Schedule, warmUpThen } from "./schedule.ts";

export interface ConstantOptions {
  readonly learningRate: number;
  /** Steps of linear rise from 0; default 0. */
  readonly warmupSteps?: number;
}

/** lr(n) = learningRate. Equals `get_constant_schedule_with_warmup` of Hugging Face transformers. */
export function constant(options: ConstantOptions): Schedule {
  const { learningRate, warmupSteps } = readOptions("constant", options, {
    learningRate: positive(),
    warmupSteps: count(0, 0),
  });
  return warmUpThen(learningRate, warmupSteps, () => learningRate);
}
