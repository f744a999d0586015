/** The interval of a share from counts alone: true also where every example came out alike, and resampling sees no spread. */
import { checkInteger } from "../../support/index.ts";
import type { Interval } from "./significance.ts";

/** The normal distribution's 97.5 % point, by custom to two places: a level of 95 %. */
const z = 1.96;

/**
 * 95 % score interval of `hits` in `count` (Wilson 1927): the shares for which what was seen lies within z standard errors. It
 * stays between 0 and 1, and 0 of 100 give 0 to 3.7 %.
 *
 * @throws CongError `BAD_ARGUMENT` unless 0 ≤ hits ≤ count and count ≥ 1
 */
export function wilsonInterval(hits: number, count: number): Omit<Interval, "standardError"> {
  checkInteger("wilsonInterval", { count }, { min: 1 });
  checkInteger("wilsonInterval", { hits }, { min: 0, max: count });
  const value = hits / count;
  const spread = z ** 2 / count;
  const middle = (value + spread / 2) / (1 + spread);
  const half = (z * Math.sqrt((value * (1 - value)) / count + spread / (4 * count))) / (1 + spread);
  return {
    value,
    // At the ends the formula gives exactly 0 and 1; rounding would leave a few bits.
    low: hits === 0 ? 0 : middle - half,
    high: hits === count ? 1 : middle + half,
    signature: `wilson|z:${z}`,
  };
}
