/**
 * The baseline: an interpolated trigram with modified Kneser–Ney smoothing (Chen and Goodman 1998, section 3), over
 * characters:
 *   p(w | h) = (c(h w) − D(c)) / c(h) + γ(h) · p(w | h without its first token)
 * with three discounts for counts of 1, 2 and more, counts below the highest order being kinds of tokens in front, and
 * order 0 uniform.
 */

/** Stands twice before every sequence. */
export const start = 0;

/** Probability of `token` after the two tokens before it. */
export type Trigram = (first: number, second: number, token: number) => number;

interface Level {
  readonly counts: ReadonlyMap<number, number>;
  /** By history: c(h ·), and how many tokens follow with a count of 1, 2, and more. */
  readonly histories: ReadonlyMap<number, readonly [total: number, once: number, twice: number, more: number]>;
  readonly discounts: readonly [number, number, number];
}

/** Counts sequences of ids 1 … size − 1. */
export function trainTrigram(sequences: Iterable<readonly number[]>, size: number): Trigram {
  // Keys are numbers in base `size`: (first · size + second) · size + token.
  const trigrams = new Map<number, number>();
  for (const sequence of sequences) {
    let [first, second] = [start, start];
    for (const token of sequence) {
      add(trigrams, (first * size + second) * size + token);
      [first, second] = [second, token];
    }
  }
  const square = size * size;
  const bigrams = kinds(trigrams, square);
  const unigrams = kinds(bigrams, size);
  const three = levelOf(trigrams, size);
  const two = levelOf(bigrams, size);
  const one = levelOf(unigrams, size);
  return (first, second, token) => {
    const word = interpolate(one, 0, token, 1 / size);
    const pair = interpolate(two, second, second * size + token, word);
    return interpolate(three, first * size + second, (first * size + second) * size + token, pair);
  };
}

function interpolate({ counts, histories, discounts }: Level, history: number, key: number, lower: number): number {
  const seen = histories.get(history);
  if (seen === undefined) return lower;
  const [total, once, twice, more] = seen;
  const count = counts.get(key) ?? 0;
  const discounted = count === 0 ? 0 : count - discounts[Math.min(count, 3) - 1]!;
  const left = discounts[0] * once + discounts[1] * twice + discounts[2] * more;
  return discounted / total + (left / total) * lower;
}

/** Each n-gram counts once for the one without its first token. */
function kinds(grams: ReadonlyMap<number, number>, base: number): Map<number, number> {
  const found = new Map<number, number>();
  for (const key of grams.keys()) add(found, key % base);
  return found;
}

function levelOf(counts: ReadonlyMap<number, number>, size: number): Level {
  const histories = new Map<number, [number, number, number, number]>();
  const frequencies = [0, 0, 0, 0];
  for (const [key, count] of counts) {
    if (count <= 4) frequencies[count - 1]!++;
    const history = Math.floor(key / size);
    const seen: [number, number, number, number] = histories.get(history) ?? [0, 0, 0, 0];
    histories.set(history, seen);
    seen[0] += count;
    seen[Math.min(count, 3) as 1 | 2 | 3]!++;
  }
  return { counts, histories, discounts: discountsOf(frequencies) };
}

/** D1 = 1 − 2Y·n2/n1, D2 = 2 − 3Y·n3/n2, D3+ = 3 − 4Y·n4/n3, with Y = n1/(n1 + 2·n2). */
function discountsOf([n1 = 0, n2 = 0, n3 = 0, n4 = 0]: readonly number[]): [number, number, number] {
  // Little text has no n-grams of some of these counts; KenLM's fallback keeps the model proper.
  if (n1 === 0 || n2 === 0 || n3 === 0) return [0.5, 1, 1.5];
  const y = n1 / (n1 + 2 * n2);
  const discounts = [1 - (2 * y * n2) / n1, 2 - (3 * y * n3) / n2, 3 - (4 * y * n4) / n3] as const;
  // A discount below zero or above its count would not leave probabilities.
  return discounts.every((value, i) => value >= 0 && value <= i + 1) ? [...discounts] : [0.5, 1, 1.5];
}

const add = (counts: Map<number, number>, key: number): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

/** Bits of a text after a context, which counts for its last two characters. */
export type TextBits = (text: string, context?: string) => number;

/** A trigram over the characters of texts. Characters never seen share one token, at no further cost. */
export function characterTrigram(learned: readonly string[]): TextBits {
  const ids = new Map<string, number>();
  for (const text of learned) for (const character of text) if (!ids.has(character)) ids.set(character, ids.size + 2);
  const encode = (text: string) => Array.from(text, (character) => ids.get(character) ?? 1);
  const model = trainTrigram(learned.map(encode), ids.size + 2);
  return (text, context = "") => {
    let [first = start, second = start] = [start, start, ...encode(context)].slice(-2);
    let bits = 0;
    for (const token of encode(text)) {
      bits -= Math.log2(model(first, second, token));
      [first, second] = [second, token];
    }
    return bits;
  };
}

/** Bits a character of `held` under a trigram of `learned`. */
export function trigramBits(learned: readonly string[], held: readonly string[]): number {
  const bitsOf = characterTrigram(learned);
  let [bits, characters] = [0, 0];
  for (const text of held) {
    bits += bitsOf(text);
    characters += [...text].length;
  }
  return bits / characters;
}
