/** Geometric decay: smoothly every step (`exponential`), or in stairs (`step`). */
import { atLeast, checkOrder, count, positive, readOptions, upTo1 } from "./options.ts";
import { type Schedule, warmUpThen } from "./schedule.ts";

export interface ExponentialOptions {
  readonly learningRate: number;
  /** The rate is multiplied by this at every step; above 0, at most 1. */
  readonly decayFactor: number;
  /** Floor; default 0. */
  readonly minimumLearningRate?: number;
  /** Steps of linear rise from 0; default 0. The decay counts from its end. */
  readonly warmupSteps?: number;
}

export interface StepOptions extends ExponentialOptions {
  /** Steps between two multiplications by `decayFactor`. */
  readonly stepSize: number;
}

const exponentialFields = {
  learningRate: positive(),
  decayFactor: upTo1(),
  minimumLearningRate: atLeast(0, 0),
  warmupSteps: count(0, 0),
};

/** lr(n) = max(min, lr·decayFactor^n). Equals PyTorch's `ExponentialLR`. */
export function exponential(options: ExponentialOptions): Schedule {
  const read = readOptions("exponential", options, exponentialFields);
  checkOrder("exponential", read);
  return decay({ ...read, stepSize: 1 });
}

/** lr(n) = max(min, lr·decayFactor^⌊n / stepSize⌋). Equals PyTorch's `StepLR`. */
export function step(options: StepOptions): Schedule {
  const read = readOptions("step", options, { ...exponentialFields, stepSize: count(1) });
  checkOrder("step", read);
  return decay(read);
}

function decay(options: Required<StepOptions>): Schedule {
  const { learningRate, decayFactor, minimumLearningRate, warmupSteps, stepSize } = options;
  return warmUpThen(learningRate, warmupSteps, (n) =>
    Math.max(minimumLearningRate, learningRate * decayFactor ** Math.floor(n / stepSize)),
  );
}
