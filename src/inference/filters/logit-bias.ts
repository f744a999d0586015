/** Adds a number to the scores of chosen tokens; −100 or less forbids a token in practice, 100 or more demands it. */
import { checkRange } from "../../support/checks.ts";
import { CongError } from "../../support/errors.ts";
import type { Filter } from "./filter.ts";

/**
 * @param biases by token id; −Infinity forbids a token
 * @throws CongError `BAD_ARGUMENT` for a bias that is no number, `ID_OUT_OF_RANGE` for an id outside the vocabulary
 */
export function logitBias(biases: ReadonlyMap<number, number>, vocabulary: number): Filter {
  for (const [id, bias] of biases) {
    if (bias !== -Infinity) checkRange("logitBias", { [`bias of token ${id}`]: bias });
    if (Number.isInteger(id) && id >= 0 && id < vocabulary) continue;
    throw new CongError(
      "ID_OUT_OF_RANGE",
      `logitBias: token ${id} is outside the vocabulary of ${vocabulary}`,
      { id, vocabulary },
      `ids are whole numbers from 0 to ${vocabulary - 1}`,
    );
  }
  return (scores) => {
    for (const [id, bias] of biases) scores[id]! += bias;
  };
}
