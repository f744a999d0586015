/**
 * What a learning-rate schedule is, and the linear warm-up nearly all of them begin with.
 *
 * A schedule is a pure function of the step, never a recurrence over earlier rates: a run resumed at any step has
 * exactly the rate it would have had, and a checkpoint needs to hold only the options.
 */
import { CongError } from "../../support/errors.ts";

/**
 * Learning rate of one optimizer update. `step` counts the updates already done: 0 for the first. Throws `BAD_ARGUMENT`
 * for anything but a whole number from 0.
 */
export type Schedule = (step: number) => number;

/**
 * Rises from 0 to `peak` in equal parts, peak·n / warmupSteps, then follows `after`, which is called with the number of
 * steps since the end of the warm-up. With 0 warm-up steps `after` begins at once.
 */
export function warmUpThen(peak: number, warmupSteps: number, after: (stepsSinceWarmup: number) => number): Schedule {
  return (step) => {
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new CongError(
        "BAD_ARGUMENT",
        `a schedule needs a whole number of updates done, 0 or more; got ${step}`,
        { step },
        "the first update has step 0; count updates, not batches, when accumulating gradients",
      );
    }
    return step < warmupSteps ? (peak * step) / warmupSteps : after(step - warmupSteps);
  };
}

/** Half a cosine from `from` at progress 0 to `to` at progress 1: to + (from − to)·(1 + cos(π·progress)) / 2. */
export function cosineBetween(from: number, to: number, progress: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * progress))) / 2;
}
