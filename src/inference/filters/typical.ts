/**
 * Locally typical sampling (Meister et al. 2022): tokens stay whose surprise −ln p lies closest to the entropy of the
 * distribution, as many as it takes to reach the mass.
 */
import { checkInteger, checkRange } from "../../support/checks.ts";
import { CongError } from "../../support/errors.ts";
import type { Filter, KeepOptions } from "./filter.ts";
import { kthLargest, weightedCrossing } from "./selection.ts";
import { exponentials, largest } from "./softmax.ts";

/** @throws CongError `BAD_ARGUMENT` unless `mass` lies above 0 and is at most 1 */
export function typical(mass: number, options: KeepOptions = {}): Filter {
  checkRange("typical", { mass }, { min: 0, max: 1 });
  if (mass === 0) {
    throw new CongError("BAD_ARGUMENT", "typical: mass is 0", { mass }, "use a probability above 0, such as 0.9");
  }
  const { minimumKept = 1 } = options;
  checkInteger("typical", { minimumKept }, { min: 1 });
  return (scores) => {
    if (mass === 1) return;
    const { weights, sum } = exponentials(scores);
    const logSum = largest(scores) + Math.log(sum);
    let entropy = 0;
    for (let i = 0; i < scores.length; i++) {
      if (weights[i]! > 0) entropy += (weights[i]! / sum) * (logSum - scores[i]!);
    }
    const distances = new Float64Array(scores.length);
    const possible = new Int32Array(scores.length);
    let count = 0;
    for (let i = 0; i < scores.length; i++) {
      distances[i] = Math.abs(logSum - scores[i]! - entropy);
      if (weights[i]! > 0) possible[count++] = i;
    }
    if (count === 0) return;
    const { key } = weightedCrossing(distances, weights, possible.subarray(0, count), mass * sum, true);
    const limit = minimumKept > 1 ? Math.max(key, kthSmallest(distances, minimumKept)) : key;
    for (let i = 0; i < scores.length; i++) if (distances[i]! > limit) scores[i] = -Infinity;
  };
}

/** In float32, which only decides how many are kept at least. */
const kthSmallest = (values: Float64Array, k: number): number =>
  -kthLargest(
    Float32Array.from(values, (value) => -value),
    Math.min(k, values.length),
  );
