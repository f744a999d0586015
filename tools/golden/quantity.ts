/** What a golden check reports: one line per quantity compared with somebody else's value. */
import type { Backend } from "../../src/engine/index.ts";

export interface Quantity {
  readonly name: string;
  /** The error measure of the fixture's README; NaN and infinity count as wrong. */
  readonly error: number;
  /** Largest error allowed. */
  readonly tolerance: number;
  /** Why it cannot be computed from what the fixture holds; it then counts neither way. */
  readonly unknown?: string;
}

export const isWithin = ({ error, tolerance }: Quantity): boolean => error <= tolerance;

/** Computes every quantity recorded in the file at `path` and compares. Throws when the file holds something unknown. */
export type GoldenCheck = (path: string, backend: Backend) => AsyncIterable<Quantity> | Iterable<Quantity>;
