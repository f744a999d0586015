/** Polynomial decay to a floor; the straight line is its first power. */
import { atLeast, checkOrder, count, positive, readOptions } from "./options.ts";
import { type Schedule, warmUpThen } from "./schedule.ts";

export interface LinearOptions {
  /** Peak rate, reached at the end of the warm-up. */
  readonly learningRate: number;
  /** Steps in all, warm-up included; the floor is reached here and kept. */
  readonly totalSteps: number;
  /** Steps of linear rise from 0; default 0. */
  readonly warmupSteps?: number;
  /** Floor; default 0. */
  readonly minimumLearningRate?: number;
}

export interface PolynomialOptions extends LinearOptions {
  /** Exponent; default 1, a straight line. Above 1 the rate falls early, below 1 late. */
  readonly power?: number;
}

const linearFields = {
  learningRate: positive(),
  totalSteps: count(1),
  warmupSteps: count(0, 0),
  minimumLearningRate: atLeast(0, 0),
};

/**
 * lr(n) = min + (lr − min)·(1 − p), p = (n − warmup) / (total − warmup).
 * Equals `get_linear_schedule_with_warmup` of Hugging Face transformers when the floor is 0.
 */
export function linear(options: LinearOptions): Schedule {
  const read = readOptions("linear", options, linearFields);
  checkOrder("linear", read);
  return decay({ ...read, power: 1 });
}

/**
 * lr(n) = min + (lr − min)·(1 − p)^power, p = (n − warmup) / (total − warmup).
 * Equals PyTorch's `PolynomialLR` without warm-up and floor, and transformers' `get_polynomial_decay_schedule_with_warmup`
 * with both (whose floor defaults to 1e-7, here 0).
 */
export function polynomial(options: PolynomialOptions): Schedule {
  const read = readOptions("polynomial", options, { ...linearFields, power: positive(1) });
  checkOrder("polynomial", read);
  return decay(read);
}

function decay(options: Required<PolynomialOptions>): Schedule {
  const { learningRate, totalSteps, warmupSteps, minimumLearningRate, power } = options;
  const decaySteps = totalSteps - warmupSteps;
  return warmUpThen(learningRate, warmupSteps, (n) => {
    const remaining = Math.max(0, decaySteps - n) / decaySteps;
    return minimumLearningRate + (learningRate - minimumLearningRate) * remaining ** power;
  });
}
