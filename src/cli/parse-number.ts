/** Numbers of command-line options, refused by name when they are none. */
import { InvalidArgumentError } from "commander";

/** A whole number of at least `min`. */
export const wholeNumber =
  (min: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`Wanted a whole number of at least ${min}.`);
  };

/** A number from `min` to `max`. */
export const numberBetween =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && value >= min && value <= max) return value;
    throw new InvalidArgumentError(
      max === Number.POSITIVE_INFINITY
        ? `Wanted a number of at least ${min}.`
        : `Wanted a number from ${min} to ${max}.`,
    );
  };

/** Collects an option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
