/**
 * Baselines: what counting neighbouring characters gives, so that a neural model has something to beat.
 *
 * Interpolated Kneser–Ney smoothing, the best of the classical methods (Chen and Goodman, "An empirical study of
 * smoothing techniques for language modeling", 1998, section 2.7):
 *   p(w | h) = max(c(h w) − D, 0) / c(h) + D · kinds(h ·) / c(h) · p(w | h without its first token)
 * where c counts occurrences at the highest order and, below it, how many different tokens were seen in front; D is
 * n₁ / (n₁ + 2·n₂) of that order, and order 0 is the uniform distribution.
 */

/** Stands before and after every sequence. */
export const boundary = 0;

/** Probability of `token` after `history` (the last tokens, oldest first, at least order − 1 of them). */
export type NGram = (history: readonly number[], token: number) => number;

interface Counts {
  /** c(h w) by "h w". */
  readonly pairs: Map<string, number>;
  /** c(h) and kinds(h ·) by "h". */
  readonly histories: Map<string, { total: number; kinds: number }>;
  readonly discount: number;
}

const padded = (sequence: readonly number[], order: number): number[] => [
  ...Array<number>(Math.max(1, order - 1)).fill(boundary),
  ...sequence,
  boundary,
];

/** Counts n-grams of sequences, each seen between boundary tokens; `order` 1 to 3 or more, V = `vocabulary`. */
export function trainNGram(sequences: readonly (readonly number[])[], order: number, vocabulary: number): NGram {
  let grams = new Map<string, number>();
  for (const sequence of sequences) {
    const tokens = padded(sequence, order);
    const first = Math.max(1, order - 1);
    for (let at = first; at < tokens.length; at++) addTo(grams, tokens.slice(at - order + 1, at + 1).join(" "), 1);
  }
  const levels: Counts[] = [];
  for (let n = order; n >= 1; n--) {
    levels.unshift(summarise(grams));
    // One order down: every different n-gram counts once for the n-gram without its first token.
    const lower = new Map<string, number>();
    for (const gram of grams.keys()) addTo(lower, gram.slice(gram.indexOf(" ") + 1), 1);
    grams = lower;
  }
  return (history, token) =>
    levels.reduce((lower, { pairs, histories, discount }, n) => {
      const context = (n === 0 ? [] : history.slice(-n)).join(" ");
      const seen = histories.get(context);
      if (seen === undefined) return lower;
      const count = pairs.get(context === "" ? String(token) : `${context} ${token}`) ?? 0;
      return Math.max(count - discount, 0) / seen.total + ((discount * seen.kinds) / seen.total) * lower;
    }, 1 / vocabulary);
}

function summarise(pairs: Map<string, number>): Counts {
  const histories = new Map<string, { total: number; kinds: number }>();
  let [once, twice] = [0, 0];
  for (const [gram, count] of pairs) {
    if (count === 1) once++;
    if (count === 2) twice++;
    const context = gram.slice(0, Math.max(0, gram.lastIndexOf(" ")));
    const seen = histories.get(context) ?? { total: 0, kinds: 0 };
    histories.set(context, { total: seen.total + count, kinds: seen.kinds + 1 });
  }
  // Without n-grams seen once there is nothing to estimate from; 0.5 keeps the model proper.
  return { pairs, histories, discount: once === 0 ? 0.5 : once / (once + 2 * twice) };
}

const addTo = (counts: Map<string, number>, key: string, by: number) => counts.set(key, (counts.get(key) ?? 0) + by);

/** Mean −ln p over all tokens of the sequences and the boundary that ends each. */
export function nGramLoss(model: NGram, sequences: readonly (readonly number[])[], order: number): number {
  let [nats, count] = [0, 0];
  for (const sequence of sequences) {
    const tokens = padded(sequence, order);
    for (let at = Math.max(1, order - 1); at < tokens.length; at++) {
      nats -= Math.log(model(tokens.slice(0, at), tokens[at]!));
      count++;
    }
  }
  return nats / count;
}
