/** Dropout as a layer: what training passes down, and the identity where nothing is passed. */
import { dropout, type RandomSource, type Tensor } from "../engine/index.ts";

/** How a model drops values; left out in evaluation. */
export interface DropoutOptions {
  /** Probability that an element becomes 0, from 0 to below 1. */
  readonly rate: number;
  /** Gives each site of the model numbers of its own. */
  readonly random: RandomSource;
}

/** Zeroes elements and scales the rest by 1/(1 − rate) (Srivastava et al. 2014); the identity without options. */
export const dropoutLayer = (x: Tensor, options?: DropoutOptions): Tensor =>
  options === undefined ? x : dropout(x, options.rate, options.random);
