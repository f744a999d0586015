/** Checks shared by all metrics: what comes in must be as long as it should and not empty. */
import { CongError } from "../../support/index.ts";

/** Throws `BAD_ARGUMENT` unless both lists have the same length and at least one element. */
export function checkPairs(
  metric: string,
  names: readonly [string, string],
  first: ArrayLike<unknown>,
  second: ArrayLike<unknown>,
): void {
  if (first.length !== second.length) {
    throw new CongError(
      "BAD_ARGUMENT",
      `${metric}: ${first.length} ${names[0]} and ${second.length} ${names[1]}`,
      { metric, [names[0]]: first.length, [names[1]]: second.length },
      "every element of one list belongs to the element of the other at the same place",
    );
  }
  if (first.length === 0)
    throw new CongError("BAD_ARGUMENT", `${metric}: no ${names[0]}`, { metric }, "a score needs data");
}

/** Texts to score with the references of each: `references[i]` are the reference texts of `hypotheses[i]`. */
export function checkTexts(
  metric: string,
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  checkPairs(metric, ["hypotheses", "reference lists"], hypotheses, references);
  return references.map((texts, index) => {
    if (typeof texts === "string") {
      throw new CongError(
        "BAD_ARGUMENT",
        `${metric}: the references of text ${index} are one string`,
        { metric, index },
        "pass a list of reference texts for every hypothesis: [[reference], …]",
      );
    }
    // As in sacreBLEU, an empty reference means that this text has fewer.
    const present = texts.filter((text) => text !== "");
    if (present.length > 0) return present;
    throw new CongError(
      "BAD_ARGUMENT",
      `${metric}: text ${index} has no reference`,
      { metric, index },
      "leave the text out or give at least one reference that is not empty",
    );
  });
}

/** For functions that score a single text: throws `BAD_ARGUMENT` where it has nothing to be compared with. */
export function checkReferences(metric: string, references: readonly string[]): void {
  if (Array.isArray(references) && references.length > 0) return;
  throw new CongError(
    "BAD_ARGUMENT",
    `${metric}: the references are ${JSON.stringify(references)}`,
    { metric },
    "pass a list of at least one reference text",
  );
}

/** How many references each text has, for signatures: a number, or "var". */
export function referenceCount(references: readonly (readonly string[])[]): string {
  const counts = new Set(references.map((texts) => texts.length));
  return counts.size === 1 ? String([...counts][0]) : "var";
}
