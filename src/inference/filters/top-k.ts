/** Top-k (Fan et al. 2018): only the k likeliest tokens stay; tokens that tie with the last of them stay too. */
import { checkInteger } from "../../support/checks.ts";
import type { Filter, KeepOptions } from "./filter.ts";
import { keepLargest } from "./selection.ts";

/** @throws CongError `BAD_ARGUMENT` unless `k` is a positive integer */
export function topK(k: number, options: KeepOptions = {}): Filter {
  const { minimumKept = 1 } = options;
  checkInteger("topK", { k, minimumKept }, { min: 1 });
  return keepLargest(Math.max(k, minimumKept));
}
