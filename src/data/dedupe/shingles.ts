/**
 * Shingles: the overlapping pieces by which two texts are compared, as 32-bit hashes. A piece is two characters where it begins with a
 * Han character, a kana or a syllable, and four elsewhere: a Chinese bigram is as rare as an English 4-gram, and the shorter the piece,
 * the more of them survive edits. After an edit of one character in five, about half of a text's bigrams are still there.
 */
import { characterClass, characterClasses } from "../character-classes.ts";

const wideLength = 2;
const narrowLength = 4;

let wideTable: Uint8Array<ArrayBuffer> | undefined;

/** 1 for units that make short shingles. */
function wideUnits(): Uint8Array<ArrayBuffer> {
  if (wideTable === undefined) {
    const { han, kana, hangul, wide } = characterClass;
    const isWide = (unitClass: number): boolean => [han, kana, hangul, wide].some((value) => value === unitClass);
    wideTable = Uint8Array.from(characterClasses(), (unitClass) => (isWide(unitClass) ? 1 : 0));
  }
  return wideTable;
}

/**
 * Writes the shingle hashes of a folded text into `into` (room for `end - start`); returns how many there are, repeated ones included.
 * Well mixed: any bits of a hash may be used.
 */
export function shinglesInto(units: Uint16Array, start: number, end: number, into: Uint32Array): number {
  const wide = wideUnits();
  let count = 0;
  for (let i = start; i < end; i++) {
    const unit = units[i]!;
    let hash: number;
    if (wide[unit] === 1) {
      if (i + wideLength > end) break;
      hash = Math.imul((unit << 16) | units[i + 1]!, 0x9e3779b1);
    } else {
      if (i + narrowLength > end) continue;
      hash =
        Math.imul((unit << 16) | units[i + 1]!, 0x9e3779b1) ^
        Math.imul((units[i + 2]! << 16) | units[i + 3]!, 0x85ebca77);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    into[count++] = (hash ^ (hash >>> 16)) >>> 0;
  }
  return count;
}

/** A set of shingles to compare others with, reused from text to text. */
export class ShingleSet {
  #slots = new Uint32Array(1 << 10);
  #stamps = new Uint32Array(1 << 10);
  #stamp = 0;
  #mask = (1 << 10) - 1;
  #size = 0;

  /** Distinct shingles in the set. */
  get size(): number {
    return this.#size;
  }

  /** Empties the set, adds the first `count` shingles and makes room for `room` in all. */
  fill(shingles: Uint32Array, count: number, room = count): void {
    this.#reset(room);
    for (let i = 0; i < count; i++) this.add(shingles[i]!);
  }

  /** Adds a shingle; returns false when it is there. Call `fill` first, which makes the room. */
  add(shingle: number): boolean {
    let slot = shingle & this.#mask;
    while (this.#stamps[slot] === this.#stamp) {
      if (this.#slots[slot] === shingle) return false;
      slot = (slot + 1) & this.#mask;
    }
    this.#stamps[slot] = this.#stamp;
    this.#slots[slot] = shingle;
    this.#size++;
    return true;
  }

  has(shingle: number): boolean {
    let slot = shingle & this.#mask;
    while (this.#stamps[slot] === this.#stamp) {
      if (this.#slots[slot] === shingle) return true;
      slot = (slot + 1) & this.#mask;
    }
    return false;
  }

  #reset(count: number): void {
    let size = this.#slots.length;
    while (size < 2 * count + 2) size *= 2;
    if (size !== this.#slots.length) {
      this.#slots = new Uint32Array(size);
      this.#stamps = new Uint32Array(size);
      this.#stamp = 0;
      this.#mask = size - 1;
    }
    this.#stamp++;
    this.#size = 0;
  }
}

const others = new ShingleSet();

/** Exact Jaccard similarity: shingles of both over shingles of either. `set` is one text; the shingles are the other's. */
export function jaccard(set: ShingleSet, shingles: Uint32Array, count: number): number {
  others.fill(shingles, 0, count);
  let shared = 0;
  for (let i = 0; i < count; i++) {
    const shingle = shingles[i]!;
    if (others.add(shingle) && set.has(shingle)) shared++;
  }
  const either = set.size + others.size - shared;
  return either === 0 ? 0 : shared / either;
}
