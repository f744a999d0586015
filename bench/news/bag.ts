/**
 * The n-gram model: a title as a bag of the characters and n-grams it holds, without order, as in FastText.
 */
import type { HostTensor } from "../../src/engine/index.ts";
import type { Random } from "../../src/support/random.ts";
import { type Encoded, type Lexicon, nGramRows, special } from "./lexicon.ts";

/** Bags one after another: features of title i are `features[starts[i] … starts[i + 1])`. Feature 0 is none. */
export interface Bags {
  readonly features: Int32Array;
  readonly starts: Int32Array;
}

export const featureCount = ({ counts }: Lexicon): number => counts.reduce((sum, count) => sum + count, 0);

export function makeBags(lexicon: Lexicon, encoded: Encoded): Bags {
  const levels = [encoded.ids, ...nGramRows(lexicon, encoded)];
  const starts = new Int32Array(encoded.rows + 1);
  const features: number[] = [];
  for (let row = 0; row < encoded.rows; row++) {
    let base = 0;
    levels.forEach((rows, level) => {
      const none = level === 0 ? special.end : 0;
      for (let at = row * encoded.width; at < (row + 1) * encoded.width; at++) {
        if (rows[at]! > none) features.push(base + rows[at]!);
      }
      base += lexicon.counts[level]!;
    });
    starts[row + 1] = features.length;
  }
  return { features: Int32Array.from(features), starts };
}

/** Slots of a batch are a multiple of this, so that few shapes occur. */
const slotStep = 16;

/**
 * Inputs "features" and "weights" [B, M] of the titles `chosen`; each feature is left out with probability `drop`.
 * @param power weight of each of k features is k^-power: 1 for the mean, 0 for the sum
 */
export function bagInputs(
  { features, starts }: Bags,
  chosen: ArrayLike<number>,
  power: number,
  drop = 0,
  random?: Random,
): { features: HostTensor; weights: HostTensor } {
  let widest = 1;
  for (let i = 0; i < chosen.length; i++) widest = Math.max(widest, starts[chosen[i]! + 1]! - starts[chosen[i]!]!);
  const slots = Math.ceil(widest / slotStep) * slotStep;
  const ids = new Int32Array(chosen.length * slots);
  const weights = new Float32Array(chosen.length * slots);
  const dice = drop > 0 ? random!.uniformArray(ids.length) : undefined;
  for (let i = 0; i < chosen.length; i++) {
    const [from, to] = [starts[chosen[i]!]!, starts[chosen[i]! + 1]!];
    const weight = Math.max(1, (to - from) * (1 - drop)) ** -power;
    for (let at = from; at < to; at++) {
      const slot = i * slots + at - from;
      if (dice !== undefined && dice[slot]! < drop) continue;
      ids[slot] = features[at]!;
      weights[slot] = weight;
    }
  }
  const shape = [chosen.length, slots];
  return { features: { dtype: "int32", shape, data: ids }, weights: { dtype: "float32", shape, data: weights } };
}
