/** How much a text repeats itself, in one pass over hashed n-grams of characters and without a string for each. */

export interface Repetition {
  /** Length of the longest run of one character (spaces and punctuation lines included). */
  readonly longestRun: number;
  /** Share of the text that the commonest 4-gram covers. */
  readonly topGram: number;
  /** Share of the text inside 10-grams that stood before, each character counted once. */
  readonly repeatedGrams: number;
}

const shortGram = 4;
const longGram = 10;
// Any odd constants with well-spread bits: those of xxHash (primes 1 and 2).
const base = 0x9e3779b1;
const mix = 0x85ebca77;

/** Long texts are judged by their beginning: more would cost and not change the verdict. */
const longestLooked = 20_000;

let slots = new Int32Array(0);
let counts = new Int32Array(0);
let stamps = new Int32Array(0);
let stamp = 0;

/** Two different n-grams with one hash (1 in 2^32 a pair) count as one. */
export function repetition(text: string): Repetition {
  const length = Math.min(text.length, longestLooked);
  let longestRun = 0;
  let run = 0;
  let previous = -1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    run = unit === previous ? run + 1 : 1;
    previous = unit;
    if (run > longestRun && unit > 32) longestRun = run;
  }
  if (length < 2 * longGram) return { longestRun, topGram: 0, repeatedGrams: 0 };
  return {
    longestRun,
    topGram: Math.min(1, (mostOften(text, length) * shortGram) / length),
    repeatedGrams: covered(text, length) / length,
  };
}

/** How often the commonest 4-gram occurs; 0 when none occurs three times. */
function mostOften(text: string, length: number): number {
  let most = 2;
  forEachGram(text, length, shortGram, (_, count) => {
    if (count > most) most = count;
  });
  return most > 2 ? most : 0;
}

function covered(text: string, length: number): number {
  let characters = 0;
  let reached = 0;
  forEachGram(text, length, longGram, (at, count) => {
    if (count < 2) return;
    characters += at + longGram - Math.max(at, reached);
    reached = at + longGram;
  });
  return characters;
}

/** Calls back with the place of every n-gram and how often it occurred up to there, this time included. */
function forEachGram(text: string, length: number, size: number, visit: (at: number, count: number) => void): void {
  const mask = makeTable(length);
  let power = 1;
  for (let i = 1; i < size; i++) power = Math.imul(power, base);
  let hash = 0;
  for (let i = 0; i < length; i++) {
    if (i >= size) hash = (hash - Math.imul(text.charCodeAt(i - size), power)) | 0;
    hash = (Math.imul(hash, base) + text.charCodeAt(i)) | 0;
    if (i < size - 1) continue;
    let slot = Math.imul(hash ^ (hash >>> 15), mix) >>> 8;
    for (slot &= mask; stamps[slot] === stamp && slots[slot] !== hash; slot = (slot + 1) & mask);
    if (stamps[slot] !== stamp) {
      stamps[slot] = stamp;
      slots[slot] = hash;
      counts[slot] = 0;
    }
    counts[slot]!++;
    visit(i - size + 1, counts[slot]!);
  }
}

/** Clears the table by a new stamp, and grows it to at least twice the number of n-grams. Returns its mask. */
function makeTable(length: number): number {
  let size = 1024;
  while (size < 2 * length) size *= 2;
  if (slots.length < size) {
    slots = new Int32Array(size);
    counts = new Int32Array(size);
    stamps = new Int32Array(size);
    stamp = 0;
  }
  stamp++;
  return size - 1;
}
