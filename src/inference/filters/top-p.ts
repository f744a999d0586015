/**
 * Top-p, nucleus sampling (Holtzman et al. 2020): the smallest set of likeliest tokens whose probability reaches p stays.
 *
 * As in Hugging Face, the unlikely end is cut: by rising probability, tokens go while the sum of what goes is at most
 * 1 − p. Of tokens that tie at the cut, those with smaller ids go first.
 */
import { checkInteger, checkRange } from "../../support/checks.ts";
import type { Filter, KeepOptions } from "./filter.ts";
import { keepLargest, weightedCrossing } from "./selection.ts";
import { exponentials } from "./softmax.ts";

/** @throws CongError `BAD_ARGUMENT` unless `p` lies from 0 to 1 */
export function topP(p: number, options: KeepOptions = {}): Filter {
  checkRange("topP", { p }, { min: 0, max: 1 });
  const { minimumKept = 1 } = options;
  checkInteger("topP", { minimumKept }, { min: 1 });
  const keepTop = keepLargest(minimumKept);
  return (scores) => {
    if (p === 1) return;
    if (p === 0) return keepTop(scores);
    const { weights, sum } = exponentials(scores);
    const mass = (1 - p) * sum;
    const { candidates, rest } = likely(weights, mass);
    if (candidates.length === 0) return keepTop(scores);
    const crossing = weightedCrossing(scores, weights, candidates, mass - rest);
    let gone = rest + crossing.below;
    const stays = new Uint8Array(scores.length);
    let count = 0;
    for (let i = 0; i < scores.length; i++) {
      if (scores[i]! < crossing.key) continue;
      if (scores[i] === crossing.key) {
        gone += weights[i]!;
        if (gone <= mass) continue;
      }
      stays[i] = 1;
      count++;
    }
    if (count < minimumKept) keepTop(scores);
    else for (let i = 0; i < scores.length; i++) if (stays[i] === 0) scores[i] = -Infinity;
  };
}

/**
 * Tokens that may stay, and the weight of the others. Even all together, tokens of less than mass / V each weigh less
 * than the mass: they all go, and need not be ordered.
 */
function likely(weights: Float64Array, mass: number): { candidates: Int32Array; rest: number } {
  const limit = mass / weights.length;
  let count = 0;
  let rest = 0;
  const candidates = new Int32Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    if (weights[i]! >= limit && weights[i]! > 0) candidates[count++] = i;
    else rest += weights[i]!;
  }
  return { candidates: candidates.subarray(0, count), rest };
}
