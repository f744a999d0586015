/**
 * Repetition penalty (Keskar et al. 2019, CTRL): scores of tokens that the text holds already, prompt included, are
 * divided by the penalty when positive and multiplied when negative.
 */
import { CongError } from "../../support/errors.ts";
import type { Filter } from "./filter.ts";

/** @throws CongError `BAD_ARGUMENT` unless `penalty` is a positive finite number */
export function repetitionPenalty(penalty: number): Filter {
  if (!(Number.isFinite(penalty) && penalty > 0)) {
    throw new CongError(
      "BAD_ARGUMENT",
      `repetitionPenalty: got ${penalty}`,
      { penalty },
      "use a number above 0: 1 changes nothing, 1.1 discourages repetition, below 1 encourages it",
    );
  }
  const factor = Math.fround(penalty);
  return (scores, { ids }) => {
    for (const id of new Set(ids)) {
      const score = scores[id]!;
      scores[id] = score < 0 ? score * factor : score / factor;
    }
  };
}
