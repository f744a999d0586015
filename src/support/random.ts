/**
 * Seeded random numbers, the same on every machine and in every run.
 *
 * - Counter-based (Threefry-2x32, 20 rounds): number i is a pure function of (key, stream, i), so arrays can be filled in
 *   any order, a run resumes exactly, and an op inside a compiled graph can give the same bits as the code here.
 * - Two levels: `randomBits`, `uniform` and `normal` are the pure functions whose layout is a contract shared with the
 *   engine's random op; `Random` adds a position in the sequence, for code which just wants the next number.
 * - Not for secrets: a key of 64 bits can be searched, and nothing here is audited as a cipher.
 *
 * Layout contract: for `count` numbers, h = ceil(count / 2) blocks; block j encrypts the counter (j, stream) into the
 * words (x0, x1); element j comes from x0 and element h + j from x1 of block j; the result is cut to `count`.
 */
import { checkInteger, checkRange } from "./checks.ts";
import { CongError } from "./errors.ts";

/** Two unsigned 32-bit words. */
export type RandomKey = readonly [number, number];

/** Everything a `Random` needs to continue where it was; plain JSON. */
export interface RandomState {
  readonly version: 1;
  readonly key: RandomKey;
  /** The next stream nobody has drawn from. */
  readonly nextStream: number;
  /** The stream that single numbers come from, and how many of its words are used; -1 before the first. */
  readonly wordStream: number;
  readonly wordsUsed: number;
}

/** Words fetched at once for single numbers: large enough to hide the call, small enough to waste on a short life. */
const wordBlock = 256;
/** `fork` encrypts labels under this stream, which numbers therefore never use. */
const forkStream = 0xffffffff;
/** The key schedule's parity constant (Salmon et al. 2011, from Skein). */
const parity = 0x1bd11bda;
const scale24 = 2 ** -24;
const twoPi = Math.fround(2 * Math.PI);

/**
 * Encrypts the counters (first, word1), (first + 1, word1), ... with Threefry-2x32 and 20 rounds; block j puts its two
 * words into out[j] and out[h + j], h being half the length of `out`.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). The rounds are written
 * out because this loop fills every weight of a new model: a loop over rotation constants is several times slower.
 */
function encryptCounters(key: RandomKey, first: number, word1: number, out: Uint32Array): void {
  const half = out.length / 2;
  const k0 = key[0] | 0;
  const k1 = key[1] | 0;
  const k2 = parity ^ k0 ^ k1;
  const start1 = (word1 + k1) | 0;
  for (let j = 0; j < half; j++) {
    let a = (first + j + k0) | 0;
    let b = start1;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 1) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k2) | 0;
    b = (b + k0 + 2) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k0) | 0;
    b = (b + k1 + 3) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 4) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    out[j] = a + k2;
    out[half + j] = b + k0 + 5;
  }
}

/** Encrypts one counter: the function of the paper, for known-answer tests and for deriving keys. */
export function threefry2x32(key: RandomKey, counter: readonly [number, number]): [number, number] {
  const out = new Uint32Array(2);
  encryptCounters(key, counter[0], counter[1], out);
  return [out[0]!, out[1]!];
}

/**
 * `count` random 32-bit words of one stream, in the layout given at the head of this file.
 *
 * @param key two 32-bit words, see `seedKey`
 * @param stream 32-bit number; every stream of a key is an independent sequence
 * @param count how many words, 0 to 2^32
 */
export function randomBits(key: RandomKey, stream: number, count: number): Uint32Array<ArrayBuffer> {
  checkCount("randomBits", count);
  const words = new Uint32Array(count + (count & 1));
  encryptCounters(key, 0, stream, words);
  return words.subarray(0, count);
}

/** `count` float32 numbers in [0, 1): the upper 24 bits of each word of `randomBits`, times 2^-24 (exact in float32). */
export function uniform(key: RandomKey, stream: number, count: number): Float32Array<ArrayBuffer> {
  const words = randomBits(key, stream, count);
  // The numbers overwrite the words they are made from: half the memory, and one pass less through the cache.
  const numbers = new Float32Array(words.buffer, 0, count);
  for (let i = 0; i < count; i++) numbers[i] = (words[i]! >>> 8) * scale24;
  return numbers;
}

/**
 * `count` standard normal float32 numbers by Box and Muller (1958): r = sqrt(-2 ln(1 - u1)), θ = 2π·u2, with u1 from the
 * first and u2 from the second word of each block; r·cos θ goes to element j and r·sin θ to element h + j.
 *
 * Every step is rounded to float32 in this order, so that a float32 graph can repeat it. |value| is at most 5.77,
 * because 1 - u1 is at least 2^-24.
 */
export function normal(key: RandomKey, stream: number, count: number): Float32Array<ArrayBuffer> {
  checkCount("normal", count);
  const half = Math.ceil(count / 2);
  const words = randomBits(key, stream, 2 * half);
  const numbers = new Float32Array(words.buffer);
  const { fround, log, sqrt, sin, cos } = Math;
  for (let j = 0; j < half; j++) {
    const u1 = (words[j]! >>> 8) * scale24;
    const u2 = (words[half + j]! >>> 8) * scale24;
    const radius = fround(sqrt(fround(-2 * fround(log(fround(1 - u1))))));
    const angle = fround(u2 * twoPi);
    numbers[j] = fround(radius * fround(cos(angle)));
    numbers[half + j] = fround(radius * fround(sin(angle)));
  }
  return numbers.subarray(0, count);
}

/**
 * The key of a seed: its low and its high 32 bits. Negative seeds count from 2^64 downwards (two's complement).
 *
 * @throws CongError `BAD_ARGUMENT` for fractions and for numbers past 2^53, which would silently lose digits
 */
export function seedKey(seed: number | bigint): RandomKey {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new CongError(
      "BAD_ARGUMENT",
      `a seed must be a whole number that is exact; got ${seed}`,
      { seed },
      "use an integer within ±2^53, or a bigint such as 123n for all 64 bits",
    );
  }
  const bits = BigInt.asUintN(64, BigInt(seed));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

/**
 * The key that belongs to a label under a parent key. The label's bytes pass through the cipher eight at a time, each
 * result being the next key; the first block says what kind of label it is and how long, so no label is the prefix of
 * another and the number 1 differs from the text "1".
 */
function labelKey(parent: RandomKey, label: string | number): RandomKey {
  const bytes = new TextEncoder().encode(String(label));
  const kind = typeof label === "number" ? 0x80000000 : 0;
  let key = threefry2x32(parent, [kind + bytes.length, forkStream]);
  const word = (at: number) =>
    (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 2 ** 8 + (bytes[at + 2] ?? 0) * 2 ** 16 + (bytes[at + 3] ?? 0) * 2 ** 24;
  for (let at = 0; at < bytes.length; at += 8) key = threefry2x32(key, [word(at), word(at + 4)]);
  return key;
}

/**
 * A position in a reproducible sequence. Arrays take a whole stream each; single numbers share streams of 256 words.
 *
 * Create it with `createRandom`. Save `state()` in a checkpoint and `restore` it: the sequence goes on exactly.
 */
export class Random {
  #key: RandomKey;
  #nextStream = 0;
  #wordStream = -1;
  #wordsUsed = wordBlock;
  #words: Uint32Array = new Uint32Array(0);

  constructor(key: RandomKey) {
    this.#key = key;
  }

  /** A number in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.#word() >>> 5;
    return (high * 2 ** 26 + (this.#word() >>> 6)) * 2 ** -53;
  }

  /** A whole number from 0 to below - 1, each exactly equally likely; `below` is 1 to 2^53 - 1. */
  integer(below: number): number {
    checkInteger("integer", { below }, { min: 1 });
    return this.#below(below);
  }

  /** `count` float32 normal numbers, mean + std·z with both steps rounded to float32. */
  normalArray(count: number, mean = 0, std = 1): Float32Array<ArrayBuffer> {
    checkRange("normalArray", { mean });
    checkRange("normalArray", { std }, { min: 0 });
    const numbers = normal(this.#key, this.#takeStream(), count);
    return mean === 0 && std === 1 ? numbers : scaleAndShift(numbers, std, mean);
  }

  /** `count` float32 numbers from `low` (included) to `high`, low + (high - low)·u; rounding may reach `high` itself. */
  uniformArray(count: number, low = 0, high = 1): Float32Array<ArrayBuffer> {
    checkRange("uniformArray", { low });
    checkRange("uniformArray", { high }, { min: low });
    const numbers = uniform(this.#key, this.#takeStream(), count);
    return low === 0 && high === 1 ? numbers : scaleAndShift(numbers, high - low, low);
  }

  /** Puts the elements into random order in place (Fisher and Yates) and returns the same array. */
  shuffle<A extends unknown[] | Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array>(
    array: A,
  ): A {
    const items = array as unknown[];
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.#below(last + 1);
      const kept = items[last];
      items[last] = items[other];
      items[other] = kept;
    }
    return array;
  }

  /** The numbers 0 to count - 1 in random order. */
  permutation(count: number): Uint32Array<ArrayBuffer> {
    checkCount("permutation", count);
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = i;
    return this.shuffle(order);
  }

  /** One element, each equally likely. Throws `BAD_ARGUMENT` for an empty list. */
  choice<T>(items: ArrayLike<T>): T {
    if (items.length === 0) {
      throw new CongError("BAD_ARGUMENT", "choice: the list of items is empty", {}, "pass at least one item");
    }
    return items[this.#below(items.length)]!;
  }

  /**
   * An independent child named by `label`. It depends on this generator's seed and the label only, not on how much was
   * drawn before; the same label gives the same child again, so number the labels of repeated parts.
   */
  fork(label: string | number): Random {
    return new Random(labelKey(this.#key, label));
  }

  /** The present position as plain JSON. */
  state(): RandomState {
    return {
      version: 1,
      key: [this.#key[0], this.#key[1]],
      nextStream: this.#nextStream,
      wordStream: this.#wordStream,
      wordsUsed: this.#wordsUsed,
    };
  }

  /** Continues from a position saved by `state`. Throws `RANDOM_STATE` when it is not one. */
  restore(state: RandomState): void {
    checkState(state);
    this.#key = [state.key[0], state.key[1]];
    this.#nextStream = state.nextStream;
    this.#wordStream = state.wordStream;
    this.#wordsUsed = state.wordsUsed;
    this.#words = state.wordStream < 0 ? new Uint32Array(0) : randomBits(this.#key, state.wordStream, wordBlock);
  }

  /** `integer` without the check, which would take longer than the draw in a shuffle of millions. */
  #below(below: number): number {
    if (below > 2 ** 32) {
      const highBelow = Math.ceil(below / 2 ** 32);
      for (;;) {
        const value = this.#below(highBelow) * 2 ** 32 + this.#word();
        if (value < below) return value;
      }
    }
    if (below === 1) return 0;
    // Taking just enough leading bits and drawing again when they exceed the range is unbiased, and needs fewer than
    // two draws on average; a remainder would favour small numbers.
    const shift = Math.clz32(below - 1);
    for (;;) {
      const value = this.#word() >>> shift;
      if (value < below) return value;
    }
  }

  #word(): number {
    if (this.#wordsUsed === wordBlock) {
      this.#wordStream = this.#takeStream();
      this.#words = randomBits(this.#key, this.#wordStream, wordBlock);
      this.#wordsUsed = 0;
    }
    return this.#words[this.#wordsUsed++]!;
  }

  #takeStream(): number {
    if (this.#nextStream === forkStream) {
      throw new CongError("RANDOM_EXHAUSTED", "all 2^32 streams of this generator are used", {}, "fork() a fresh one");
    }
    return this.#nextStream++;
  }
}

/** A generator for a seed: any whole number, or a bigint for all 64 bits. */
export function createRandom(seed: number | bigint): Random {
  return new Random(seedKey(seed));
}

function scaleAndShift(numbers: Float32Array<ArrayBuffer>, scale: number, shift: number): Float32Array<ArrayBuffer> {
  const scale32 = Math.fround(scale);
  const shift32 = Math.fround(shift);
  for (let i = 0; i < numbers.length; i++) numbers[i] = Math.fround(numbers[i]! * scale32) + shift32;
  return numbers;
}

function checkCount(caller: string, count: number): void {
  // Block counters have 32 bits; two numbers to a block would allow 2^33, but typed arrays end at 2^32 or before.
  checkInteger(caller, { count }, { min: 0, max: 2 ** 32 });
}

function checkState(state: RandomState): void {
  const isWord = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
  const isValid =
    state?.version === 1 &&
    Array.isArray(state.key) &&
    state.key.length === 2 &&
    state.key.every(isWord) &&
    isWord(state.nextStream) &&
    (state.wordStream === -1 || (isWord(state.wordStream) && state.wordStream < state.nextStream)) &&
    Number.isInteger(state.wordsUsed) &&
    state.wordsUsed >= 0 &&
    state.wordsUsed <= wordBlock &&
    (state.wordStream >= 0 || state.wordsUsed === wordBlock);
  if (isValid) return;
  throw new CongError(
    "RANDOM_STATE",
    `not a saved position of a random generator: ${JSON.stringify(state)}`,
    { state },
    "pass what state() returned, unchanged; a newer version of this package may have another form",
  );
}
