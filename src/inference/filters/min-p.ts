/** Min-p (Nguyen et al. 2024): tokens stay whose probability is at least p times that of the likeliest. */
import { checkInteger, checkRange } from "../../support/checks.ts";
import type { Filter, KeepOptions } from "./filter.ts";
import { kthLargest } from "./selection.ts";
import { largest } from "./softmax.ts";

/** @throws CongError `BAD_ARGUMENT` unless `p` lies from 0 to 1 */
export function minP(p: number, options: KeepOptions = {}): Filter {
  checkRange("minP", { p }, { min: 0, max: 1 });
  const { minimumKept = 1 } = options;
  checkInteger("minP", { minimumKept }, { min: 1 });
  const distance = Math.log(p); // probability ratio as a difference of scores
  return (scores) => {
    let limit = largest(scores) + distance;
    if (minimumKept > 1) limit = Math.min(limit, kthLargest(scores.slice(), Math.min(minimumKept, scores.length)));
    for (let i = 0; i < scores.length; i++) if (scores[i]! < limit) scores[i] = -Infinity;
  };
}
