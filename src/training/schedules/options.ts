/**
 * Reading the options of a schedule or an optimizer: one table per family says what each option accepts and its default. The table is
 * typed over the options record, so an option without a row does not compile, and a key without a row is refused at
 * run time (options also come from JSON and from the command line, where a misspelt key would otherwise do nothing).
 */
import { CongError } from "../../support/errors.ts";
import { unknownName } from "../../support/suggest.ts";

/** What one option accepts, in words and as a test; without `fallback` it is required. */
export interface Field<T> {
  readonly wanted: string;
  readonly accepts: (value: unknown) => boolean;
  readonly fallback?: T;
}

function field<T>(wanted: string, accepts: (value: unknown) => boolean, fallback: T | undefined): Field<T> {
  return fallback === undefined ? { wanted, accepts } : { wanted, accepts, fallback };
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** A number above 0. */
export const positive = (fallback?: number): Field<number> =>
  field("a number above 0", (value) => isNumber(value) && value > 0, fallback);

/** A number from `low` on. */
export const atLeast = (low: number, fallback?: number): Field<number> =>
  field(`a number of at least ${low}`, (value) => isNumber(value) && value >= low, fallback);

/** A number from 0 to below 1; what is below in float64 and 1 in float32 counts as 1. */
export const below1 = (fallback?: number): Field<number> =>
  field("a number from 0 to below 1", (value) => isNumber(value) && value >= 0 && value <= 1 - 2 ** -24, fallback);

/** A number above 0 up to 1. */
export const upTo1 = (fallback?: number): Field<number> =>
  field("a number above 0, at most 1", (value) => isNumber(value) && value > 0 && value <= 1, fallback);

/** A number from `low` to `high`, both included. */
export const between = (low: number, high: number, fallback?: number): Field<number> =>
  field(`a number from ${low} to ${high}`, (value) => isNumber(value) && value >= low && value <= high, fallback);

/** A whole number from `low`. */
export const count = (low: number, fallback?: number): Field<number> =>
  field(`a whole number, ${low} or more`, (value) => Number.isSafeInteger(value) && (value as number) >= low, fallback);

/** true or false. */
export const flag = (fallback: boolean): Field<boolean> =>
  field("true or false", (value) => typeof value === "boolean", fallback);

/** One of a few words. */
export const oneOf = <T extends string>(values: readonly T[], fallback: T): Field<T> =>
  field(`one of ${values.join(", ")}`, (value) => (values as readonly unknown[]).includes(value), fallback);

/**
 * Checks `options` against `fields` and fills in the defaults.
 *
 * @throws CongError `BAD_ARGUMENT` for a missing or unacceptable option, `UNKNOWN_NAME` for a misspelt one
 */
export function readOptions<O extends object>(
  schedule: string,
  options: O,
  fields: { readonly [K in keyof Required<O>]: Field<Required<O>[K]> },
): Required<O> {
  const given = options as Readonly<Record<string, unknown>>;
  const rows = Object.entries<Field<unknown>>(fields);
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(fields, key)) throw unknownName(`${schedule} option`, key, Object.keys(fields));
  }
  const read: Record<string, unknown> = {};
  for (const [key, { wanted, accepts, fallback }] of rows) {
    const value = given[key] ?? fallback;
    if (value === undefined) throw refused(schedule, `needs ${key}, ${wanted}`, {}, rows);
    if (!accepts(value)) throw refused(schedule, `${key} must be ${wanted}; got ${value}`, { [key]: value }, rows);
    read[key] = value;
  }
  return read as Required<O>;
}

/** Refuses a floor above the peak and a warm-up that leaves no steps: both would turn the curve upside down. */
export function checkOrder(
  schedule: string,
  values: { learningRate: number; minimumLearningRate?: number; warmupSteps?: number; totalSteps?: number },
): void {
  const { learningRate, minimumLearningRate = 0, warmupSteps = 0, totalSteps = Number.POSITIVE_INFINITY } = values;
  if (minimumLearningRate > learningRate) {
    throw new CongError(
      "BAD_ARGUMENT",
      `${schedule}: minimumLearningRate ${minimumLearningRate} is above learningRate ${learningRate}`,
      values,
      "learningRate is the peak and minimumLearningRate the floor",
    );
  }
  if (warmupSteps >= totalSteps) {
    throw new CongError(
      "BAD_ARGUMENT",
      `${schedule}: ${warmupSteps} warm-up steps leave nothing of ${totalSteps} steps in all`,
      values,
      "totalSteps includes the warm-up; common warm-ups are 1 to 10 % of it",
    );
  }
}

function refused(
  schedule: string,
  what: string,
  details: Readonly<Record<string, unknown>>,
  rows: readonly (readonly [string, Field<unknown>])[],
): CongError {
  const list = rows.map(
    ([key, row]) => `${key} (${row.wanted}${"fallback" in row ? `, default ${row.fallback}` : ""})`,
  );
  return new CongError("BAD_ARGUMENT", `${schedule}: ${what}`, details, `its options are ${list.join("; ")}`);
}
