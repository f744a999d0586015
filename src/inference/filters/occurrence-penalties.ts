/**
 * Presence and frequency penalties as in OpenAI's interface: a token of the answer loses `presence` once and `frequency`
 * for each time it occurs. The prompt does not count. Negative values encourage repetition.
 */
import { checkRange } from "../../support/checks.ts";
import type { Filter } from "./filter.ts";

export interface OccurrencePenalties {
  /** −2 to 2. Default 0. */
  readonly presence?: number | undefined;
  /** −2 to 2. Default 0. */
  readonly frequency?: number | undefined;
}

/** @throws CongError `BAD_ARGUMENT` for a penalty outside −2 … 2 */
export function occurrencePenalties(penalties: OccurrencePenalties): Filter {
  const { presence = 0, frequency = 0 } = penalties;
  checkRange("occurrencePenalties", { presence, frequency }, { min: -2, max: 2 });
  return (scores, { ids, promptLength }) => {
    const counts = new Map<number, number>();
    for (let i = promptLength; i < ids.length; i++) counts.set(ids[i]!, (counts.get(ids[i]!) ?? 0) + 1);
    for (const [id, count] of counts) scores[id]! -= presence + count * frequency;
  };
}
