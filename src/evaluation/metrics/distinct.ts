/** Distinct-n (Li et al. 2016): how varied generated texts are. */
import { checkInteger } from "../../support/index.ts";
import { countNgrams, ngramTotal } from "./ngrams.ts";
import { type RougeUnit, rougeUnits } from "./rouge.ts";

/**
 * Different n-grams per n-gram over all texts together, from 0 (repetition) to 1; 0 when there are none. Longer corpora
 * score lower by nature: compare equal amounts of text only.
 */
export function distinct(texts: readonly string[], order: number, unit: RougeUnit = "character"): number {
  checkInteger("distinct", { order }, { min: 1 });
  const different = new Set<string>();
  let all = 0;
  for (const text of texts) {
    const units = rougeUnits(text, unit);
    for (const key of countNgrams(units, order).keys()) different.add(key);
    all += ngramTotal(units.length, order);
  }
  return all === 0 ? 0 : different.size / all;
}
