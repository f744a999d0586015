/**
 * What generation needs of a model: feed tokens, get logits, go back, rearrange rows. Everything above this contract
 * (sampling, beams, speculation, streaming) knows nothing about graphs, caches or weights, and is tested with a fake.
 *
 * A session is one batch of texts that grow together. Columns are counted from the left; in the first feed rows may
 * differ in length, and the session pads the shorter ones on the left.
 */

/** Logits of some columns, [rows, columns, vocabulary] row-major. */
export interface Logits {
  readonly data: Float32Array;
  readonly shape: readonly [rows: number, columns: number, vocabulary: number];
}

export interface FeedOptions {
  /** Logits of the last column only (default), or of every column fed. */
  readonly logits?: "last" | "all" | undefined;
}

export interface DecodingSession {
  /** Texts in the batch. */
  readonly rows: number;
  /** V, logits of one column. */
  readonly vocabulary: number;
  /** Columns fed so far: the length of the longest row. */
  readonly length: number;
  /** Most columns this session can hold. */
  readonly limit: number;
  /**
   * Appends tokens to every row and returns logits for the token after each.
   * @param ids one list a row; the same number for each, except in the first feed
   */
  feed(ids: readonly (readonly number[])[], options?: FeedOptions): Promise<Logits>;
  /** Row i becomes what row `sources[i]` was: for beam search. */
  reorder(sources: readonly number[]): Promise<void>;
  /** Forgets all columns from `length` on. */
  truncate(length: number): void;
  /** Frees what the session holds. Further calls throw. */
  dispose(): Promise<void>;
}

/** Logits of one row and column, a view. */
export function logitsAt({ data, shape: [, columns, vocabulary] }: Logits, row: number, column: number): Float32Array {
  const start = (row * columns + column) * vocabulary;
  return data.subarray(start, start + vocabulary);
}
