/**
 * Translation edit rate (Snover et al. 2006): edits and shifts of word groups per reference word, in percent; 0 is best.
 * Scores equal sacreBLEU 2, whose limits on shifts (10 words, 50 places, 1,000 tries) are kept.
 */
import { checkReferences, checkTexts, referenceCount } from "./arguments.ts";
import { type EditOperation, editCost, editTrace } from "./edit-trace.ts";
import { type TerTokenOptions, terTokens } from "./ter-tokens.ts";

export type TerOptions = TerTokenOptions;

export interface TerScore {
  readonly score: number;
  readonly edits: number;
  /** Average over the references of each text, summed. */
  readonly referenceLength: number;
  readonly signature: string;
}

export interface TerStatistics {
  readonly edits: number;
  readonly referenceLength: number;
}

const longestShift = 10;
const farthestShift = 50;
const mostTries = 1000;

/** `references[i]` are the reference texts of `hypotheses[i]`; the one with the fewest edits counts. */
export function ter(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: TerOptions = {},
): TerScore {
  const present = checkTexts("ter", hypotheses, references);
  const rows = hypotheses.map((text, i) => terStatistics(text, present[i] as readonly string[], options));
  return terFromStatistics(rows, options, referenceCount(present));
}

/** Edits and reference length of one text. */
export function terStatistics(
  hypothesis: string,
  references: readonly string[],
  options: TerOptions = {},
): TerStatistics {
  checkReferences("ter", references);
  const words = terTokens(hypothesis, options);
  const others = references.map((text) => terTokens(text, options));
  return {
    edits: Math.min(...others.map((other) => editsWithShifts(words, other))),
    referenceLength: others.reduce((sum, other) => sum + other.length, 0) / others.length,
  };
}

/** The score of a corpus from the counts of its texts. */
export function terFromStatistics(
  rows: readonly TerStatistics[],
  options: TerOptions = {},
  references = "1",
): TerScore {
  const edits = rows.reduce((sum, row) => sum + row.edits, 0);
  const referenceLength = rows.reduce((sum, row) => sum + row.referenceLength, 0);
  const { normalized = false, punctuation = true, asian = false, caseSensitive = false } = options;
  const signature = [
    `nrefs:${references}`,
    `case:${caseSensitive ? "mixed" : "lc"}`,
    "tok:tercom",
    `norm:${normalized ? "yes" : "no"}`,
    `punct:${punctuation ? "yes" : "no"}`,
    `asian:${asian ? "yes" : "no"}`,
  ].join("|");
  const rate = referenceLength > 0 ? edits / referenceLength : edits > 0 ? 1 : 0;
  return { score: 100 * rate, edits, referenceLength, signature };
}

/** Shifts word groups as long as that saves edits; every shift costs one. */
function editsWithShifts(hypothesisWords: readonly string[], referenceWords: readonly string[]): number {
  if (referenceWords.length === 0) return hypothesisWords.length;
  // Numbers compare faster than words.
  const numbers = new Map<string, number>();
  const numberOf = (word: string): number => {
    const known = numbers.get(word) ?? numbers.size;
    numbers.set(word, known);
    return known;
  };
  const reference = referenceWords.map(numberOf);
  let words: readonly number[] = hypothesisWords.map(numberOf);
  let shifts = 0;
  let tries = 0;
  for (;;) {
    const shift = bestShift(words, reference, tries);
    tries = shift.tries;
    if (tries >= mostTries || shift.saved <= 0) break;
    shifts++;
    words = shift.words;
  }
  return shifts + editCost(words, reference);
}

interface Shift {
  readonly saved: number;
  readonly words: readonly number[];
  readonly tries: number;
}

/** The shift that saves most; of equal ones the longest, then the first, then the one with the earliest target. */
function bestShift(words: readonly number[], reference: readonly number[], triesBefore: number): Shift {
  const before = editTrace(words, reference);
  const { place, referenceErrors, hypothesisErrors } = alignment(before.operations);
  let tries = triesBefore;
  let best: { rank: readonly number[]; words: readonly number[] } | undefined;
  for (const { from, at, length } of commonGroups(words, reference)) {
    // Only a group that is wrong where it stands, and whose place in the reference is not filled rightly.
    if (!hypothesisErrors.slice(from, from + length).includes(true)) continue;
    if (!referenceErrors.slice(at, at + length).includes(true)) continue;
    const target = place[at] as number;
    if (target >= from && target < from + length) continue;
    let previous = -1;
    for (let offset = -1; offset < length; offset++) {
      const aligned = at + offset === -1 ? -1 : place[at + offset];
      if (aligned === undefined) break;
      const to = aligned + 1;
      if (to === previous) continue;
      previous = to;
      const shifted = moveGroup(words, from, length, to);
      const rank = [before.cost - editCost(shifted, reference), length, -from, -to];
      tries++;
      if (best === undefined || isGreater(rank, best.rank)) best = { rank, words: shifted };
    }
    if (tries >= mostTries) break;
  }
  return best === undefined ? { saved: 0, words, tries } : { saved: best.rank[0] as number, words: best.words, tries };
}

/** Where each reference word stands in the hypothesis (or behind which word it would), and which words are wrong. */
function alignment(operations: readonly EditOperation[]) {
  const place: number[] = [];
  const referenceErrors: boolean[] = [];
  const hypothesisErrors: boolean[] = [];
  let at = -1;
  for (const operation of operations) {
    const isError = operation !== "nop";
    if (operation !== "ins") {
      at++;
      hypothesisErrors.push(isError);
    }
    if (operation !== "del") {
      place.push(at);
      referenceErrors.push(isError);
    }
  }
  return { place, referenceErrors, hypothesisErrors };
}

/** Groups of words that occur in both texts. */
function* commonGroups(words: readonly number[], reference: readonly number[]) {
  for (let from = 0; from < words.length; from++) {
    for (let at = 0; at < reference.length; at++) {
      if (Math.abs(at - from) > farthestShift) continue;
      for (let length = 1; length <= longestShift; length++) {
        const last = length - 1;
        if (from + last >= words.length || at + last >= reference.length) break;
        if (words[from + last] !== reference[at + last]) break;
        yield { from, at, length };
      }
    }
  }
}

/** Moves `length` words from `from` before position `to` of the original. */
function moveGroup(words: readonly number[], from: number, length: number, to: number): number[] {
  const group = words.slice(from, from + length);
  if (to < from) return [...words.slice(0, to), ...group, ...words.slice(to, from), ...words.slice(from + length)];
  const behind = from + length;
  if (to > behind) return [...words.slice(0, from), ...words.slice(behind, to), ...group, ...words.slice(to)];
  // A target inside the group counts from the group's end.
  return [...words.slice(0, from), ...words.slice(behind, length + to), ...group, ...words.slice(length + to)];
}

function isGreater(a: readonly number[], b: readonly number[]): boolean {
  for (const [i, value] of a.entries()) {
    if (value !== b[i]) return value > (b[i] as number);
  }
  return false;
}
