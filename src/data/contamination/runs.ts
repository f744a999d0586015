/**
 * Runs of 13 tokens that two texts share, the test of GPT-3 (Brown et al. 2020, appendix C: 13-grams of words) carried over to Chinese:
 * a Han character, a kana or a syllable is a token, elsewhere a word or a number is. Punctuation, spaces and case do not count, so a
 * poem is found however its lines are cut.
 */
import { characterClass, characterClasses } from "../character-classes.ts";
import { foldInto } from "../dedupe/fold.ts";
import { textHash } from "../dedupe/text-hash.ts";

export const runLength = 13;
/** Texts of fewer tokens than a run count when a whole text equals them; shorter than this they say nothing. */
export const shortestText = 5;

const base1 = 0x9e3779b1;
const base2 = 0x85ebca77;
const leading = [power(base1), power(base2)] as const;

function power(base: number): number {
  let value = 1;
  for (let i = 1; i < runLength; i++) value = Math.imul(value, base);
  return value;
}

let tokens = new Uint32Array(1 << 12);
let units = new Uint16Array(1 << 12);

/** Token hashes of a text in the shared buffer; returns how many. */
function tokenize(text: string): number {
  const classes = characterClasses();
  if (units.length < text.length) {
    units = new Uint16Array(2 * text.length);
    tokens = new Uint32Array(2 * text.length);
  }
  const length = foldInto(text.normalize("NFC").toLowerCase(), "spacing", units);
  const { han, kana, hangul, wide, latin, letter, digit } = characterClass;
  let count = 0;
  let word = 0;
  for (let i = 0; i <= length; i++) {
    const unit = i < length ? units[i]! : 32;
    const unitClass = classes[unit]!;
    if (unitClass === latin || unitClass === letter || unitClass === digit) {
      word = Math.imul(word ^ unit, 0x01000193) + 0x811c9dc5;
      continue;
    }
    if (word !== 0) tokens[count++] = mixed(word);
    word = 0;
    if (unitClass === han || unitClass === kana || unitClass === hangul || unitClass === wide)
      tokens[count++] = mixed(unit + 1);
  }
  return count;
}

function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Calls back with the 64-bit hash of every run; a short text gives one hash of its own kind. Stops when `visit` returns true. */
export function forEachRun(text: string, visit: (low: number, high: number) => boolean | undefined): void {
  const count = tokenize(text);
  if (count < runLength) {
    if (count < shortestText) return;
    // Marked by its length, so that it equals whole texts only.
    const whole = Uint16Array.from({ length: 2 * count }, (_, i) =>
      i % 2 === 0 ? tokens[i >> 1]! & 0xffff : tokens[i >> 1]! >>> 16,
    );
    visit(...textHash(whole, 0, whole.length));
    return;
  }
  let low = 0;
  let high = 0;
  for (let i = 0; i < count; i++) {
    if (i >= runLength) {
      low = (low - Math.imul(tokens[i - runLength]!, leading[0])) | 0;
      high = (high - Math.imul(tokens[i - runLength]!, leading[1])) | 0;
    }
    low = (Math.imul(low, base1) + tokens[i]!) | 0;
    high = (Math.imul(high, base2) + tokens[i]!) | 0;
    if (i >= runLength - 1 && visit(mixed(low), mixed(high ^ 0x5bd1e995)) === true) return;
  }
}

/** The runs of evaluation texts, in memory that all threads share. */
export interface RunTable {
  readonly lows: Uint32Array<SharedArrayBuffer>;
  readonly highs: Uint32Array<SharedArrayBuffer>;
  /** Number of the evaluation text + 1; 0 marks a free place. */
  readonly owners: Uint32Array<SharedArrayBuffer>;
}

/** Puts the runs of all texts into a table; of several texts with one run the first owns it. */
export function createRunTable(texts: readonly string[]): RunTable {
  let runs = 0;
  for (const text of texts) {
    forEachRun(text, () => {
      runs++;
      return false;
    });
  }
  let size = 1024;
  while (size < 2 * runs) size *= 2;
  const column = (): Uint32Array<SharedArrayBuffer> => new Uint32Array(new SharedArrayBuffer(4 * size));
  const table = { lows: column(), highs: column(), owners: column() };
  texts.forEach((text, number) => {
    forEachRun(text, (low, high) => {
      const slot = find(table, low, high);
      if (table.owners[slot] !== 0) return false;
      table.lows[slot] = low;
      table.highs[slot] = high;
      table.owners[slot] = number + 1;
      return false;
    });
  });
  return table;
}

/** The evaluation text (its number + 1) that a text shares a run with, or 0. */
export function sharedRun(table: RunTable, text: string): number {
  let owner = 0;
  forEachRun(text, (low, high) => {
    owner = table.owners[find(table, low, high)]!;
    return owner !== 0;
  });
  return owner;
}

function find({ lows, highs, owners }: RunTable, low: number, high: number): number {
  const mask = owners.length - 1;
  let slot = low & mask;
  while (owners[slot] !== 0 && (lows[slot] !== low || highs[slot] !== high)) slot = (slot + 1) & mask;
  return slot;
}
