/** One rise to a high peak and one long fall to nearly nothing, for quick training at large rates. */
import { atLeast, between, count, oneOf, positive, readOptions } from "./options.ts";
import { cosineBetween, type Schedule, warmUpThen } from "./schedule.ts";

const shapes = ["cosine", "linear"] as const;

export interface OneCycleOptions {
  /** Peak rate. */
  readonly learningRate: number;
  /** Steps in all; the last one, totalSteps − 1, has the lowest rate, which is kept afterwards. */
  readonly totalSteps: number;
  /** Part of the steps spent rising; default 0.3. */
  readonly riseFraction?: number;
  /** The first rate is the peak divided by this; default 25. */
  readonly startDivisor?: number;
  /** The last rate is the first one divided by this; default 10,000. */
  readonly endDivisor?: number;
  /** Form of both parts; default `cosine`. */
  readonly shape?: (typeof shapes)[number];
}

/**
 * With start = lr / startDivisor and end = start / endDivisor, from start up to lr over the steps 0 … riseFraction·total − 1
 * (not rounded to a whole step), then from lr down to end over the steps up to total − 1.
 *
 * Source: Smith and Topin, "Super-convergence" (arXiv 1708.07120), in the form of PyTorch's `OneCycleLR` with two phases,
 * whose defaults these are. Momentum is not cycled. PyTorch throws after the last step; here the lowest rate is kept.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const { learningRate, totalSteps, riseFraction, startDivisor, endDivisor, shape } = readOptions(
    "one_cycle",
    options,
    {
      learningRate: positive(),
      totalSteps: count(1),
      riseFraction: between(0, 1, 0.3),
      startDivisor: atLeast(1, 25),
      endDivisor: atLeast(1, 1e4),
      shape: oneOf(shapes, "cosine"),
    },
  );
  const start = learningRate / startDivisor;
  const end = start / endDivisor;
  const lastStep = totalSteps - 1;
  const peakStep = riseFraction * totalSteps - 1;
  const curve = shape === "cosine" ? cosineBetween : lineBetween;
  return warmUpThen(learningRate, 0, (n) => {
    if (peakStep > 0 && n <= peakStep) return curve(start, learningRate, n / peakStep);
    if (n >= lastStep) return end;
    return curve(learningRate, end, (n - peakStep) / (lastStep - peakStep));
  });
}

function lineBetween(from: number, to: number, progress: number): number {
  return from + (to - from) * progress;
}
