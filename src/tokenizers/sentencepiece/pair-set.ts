/**
 * Which two characters stand side by side inside some piece.
 *
 * BPE only ever joins neighbours into a piece, so text falls apart, without any change of result, wherever the two
 * characters around a boundary are in no piece together. The set is a plain bit table over a hash: a false "yes" costs a
 * little time and nothing else.
 */
const bits = 22;

export class PairSet {
  private readonly words = new Int32Array((1 << bits) / 32);

  constructor(pieces: Iterable<string>) {
    for (const piece of pieces) {
      let previous = -1;
      for (const character of piece) {
        const code = character.codePointAt(0)!;
        if (previous >= 0) {
          const slot = slotOf(previous, code);
          this.words[slot >> 5]! |= 1 << (slot & 31);
        }
        previous = code;
      }
    }
  }

  /** False only if no piece holds `left` directly before `right` (code points). */
  has(left: number, right: number): boolean {
    const slot = slotOf(left, right);
    return (this.words[slot >> 5]! & (1 << (slot & 31))) !== 0;
  }
}

/** Multiplicative hashing with two odd constants (guesses; the golden ratio and one of MurmurHash3's). */
const slotOf = (left: number, right: number): number =>
  (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> (32 - bits);
