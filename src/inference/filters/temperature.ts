/** Temperature: scores divided by T; below 1 the likely become likelier. */
import { CongError } from "../../support/errors.ts";
import type { Filter } from "./filter.ts";

/** @throws CongError `BAD_ARGUMENT` unless `temperature` is a positive finite number */
export function temperature(value: number): Filter {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new CongError(
      "BAD_ARGUMENT",
      `temperature: got ${value}`,
      { temperature: value },
      "use a number above 0; for the likeliest token every time choose greedy decoding (temperature 0 in `generate`)",
    );
  }
  const divisor = Math.fround(value);
  return (scores) => {
    for (let i = 0; i < scores.length; i++) scores[i]! /= divisor;
  };
}
