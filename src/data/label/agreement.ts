/** How far labellers agree beyond chance. */
import { CongError, checkLength } from "../../support/index.ts";

/**
 * Cohen's kappa (1960) of two labellers over the same items: (p_o − p_e) / (1 − p_e). Items that either leaves unlabelled are left out.
 * NaN when nothing is left, or when both give one and the same label throughout (agreement by chance is then certain).
 */
export function cohenKappa(first: readonly (string | undefined)[], second: readonly (string | undefined)[]): number {
  checkLength("cohenKappa", { second }, first.length);
  const rows = new Map<string, number>();
  const columns = new Map<string, number>();
  let total = 0;
  let agreed = 0;
  first.forEach((label, i) => {
    const other = second[i];
    if (label === undefined || other === undefined) return;
    total++;
    if (label === other) agreed++;
    rows.set(label, (rows.get(label) ?? 0) + 1);
    columns.set(other, (columns.get(other) ?? 0) + 1);
  });
  let expected = 0;
  for (const [label, count] of rows) expected += (count / total) * ((columns.get(label) ?? 0) / total);
  return expected === 1 ? Number.NaN : (agreed / total - expected) / (1 - expected);
}

/**
 * Fleiss' kappa (1971). `counts[item][category]` says how many raters chose it; every item has the same number of raters, at least two.
 * Throws `BAD_ARGUMENT` otherwise. NaN when all raters chose one category throughout.
 */
export function fleissKappa(counts: readonly (readonly number[])[]): number {
  const raters = sum(counts[0] ?? []);
  if (raters < 2 || counts.some((row) => sum(row) !== raters)) {
    throw new CongError(
      "BAD_ARGUMENT",
      "fleissKappa: the items have different numbers of raters, or fewer than two",
      { raters },
      "leave out the items that someone did not rate",
    );
  }
  const shares = counts[0]!.map((_, category) => sum(counts.map((row) => row[category]!)) / (counts.length * raters));
  const expected = sum(shares.map((share) => share * share));
  const observed =
    sum(counts.map((row) => (sum(row.map((count) => count * count)) - raters) / (raters * (raters - 1)))) /
    counts.length;
  return expected === 1 ? Number.NaN : (observed - expected) / (1 - expected);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
