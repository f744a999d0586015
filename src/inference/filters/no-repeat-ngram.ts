/** Forbids every token that would complete a sequence of n tokens that the text, prompt included, holds already. */
import { checkInteger } from "../../support/checks.ts";
import type { Filter } from "./filter.ts";

/** @throws CongError `BAD_ARGUMENT` unless `n` is a positive integer */
export function noRepeatNgram(n: number): Filter {
  checkInteger("noRepeatNgram", { n }, { min: 1 });
  const context = n - 1;
  return (scores, { ids }) => {
    const tail = ids.length - context; // where the last n − 1 tokens begin
    for (let start = 0; start < tail; start++) {
      let same = 0;
      while (same < context && ids[start + same] === ids[tail + same]) same++;
      if (same === context) scores[ids[start + context]!] = -Infinity;
    }
  };
}
