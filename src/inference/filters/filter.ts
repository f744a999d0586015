/**
 * What a logit filter is: a function that changes the scores of one row in place, so that a chain of them costs no copies.
 *
 * Filters hold no state of their own: what they need to know about the text comes in with every call. A forbidden token has
 * the score −∞.
 */

/** What the row holds so far. */
export interface FilterContext {
  /** Prompt and answer, without padding. */
  readonly ids: readonly number[];
  /** How many of `ids` are the prompt. */
  readonly promptLength: number;
}

/** Changes `scores` (logits or log-probabilities, one a token of the vocabulary) in place. */
export type Filter = (scores: Float32Array, context: FilterContext) => void;

/** Fewest tokens that filters by probability leave; beam search needs more than one. */
export interface KeepOptions {
  /** Default 1. */
  readonly minimumKept?: number;
}
