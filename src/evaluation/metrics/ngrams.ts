/** Counting n-grams, which BLEU, chrF, ROUGE-N and distinct-n are made of. */

/** Joins the units of an n-gram to a key; a private character, so that no text of its own can look like two units. */
const joint = "\uf8ff";

/** How often each n-gram of length `order` occurs. */
export function countNgrams(units: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + order <= units.length; i++) {
    const key = order === 1 ? (units[i] as string) : units.slice(i, i + order).join(joint);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Number of n-grams of length `order` in a sequence of `length` units. */
export function ngramTotal(length: number, order: number): number {
  return Math.max(0, length - order + 1);
}

/** Common n-grams, each counted as often as in the list where it is rarer. */
export function overlap(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let common = 0;
  for (const [key, count] of a) common += Math.min(count, b.get(key) ?? 0);
  return common;
}

/** The larger count of each n-gram over several texts. */
export function largestCounts(all: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const largest = new Map<string, number>();
  for (const counts of all) {
    for (const [key, count] of counts) largest.set(key, Math.max(count, largest.get(key) ?? 0));
  }
  return largest;
}
