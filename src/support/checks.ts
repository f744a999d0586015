/**
 * Argument guards for the border where a user's value enters. Each takes the function's name and the values under
 * their own names, `checkInteger("glmConfig", { layers, heads }, { min: 1 })`, so a message never misnames its value.
 * All throw CongError `BAD_ARGUMENT`.
 */
import { CongError } from "./errors.ts";

export interface Bounds {
  /** Smallest allowed value, inclusive; default: no limit. */
  readonly min?: number;
  /** Largest allowed value, inclusive; default: no limit. */
  readonly max?: number;
}

/** Every value must be a safe integer within the bounds. */
export function checkInteger(where: string, values: Readonly<Record<string, unknown>>, bounds: Bounds = {}): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isSafeInteger(value) || !within(value as number, bounds)) {
      throw badArgument(where, name, value, `an integer${describe(bounds)}`);
    }
  }
}

/** Every value must be a finite number within the bounds. */
export function checkRange(where: string, values: Readonly<Record<string, unknown>>, bounds: Bounds = {}): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isFinite(value) || !within(value as number, bounds)) {
      throw badArgument(where, name, value, `a finite number${describe(bounds)}`);
    }
  }
}

/** Every divisor must divide every multiple: `checkDivides("attention", { heads }, { hidden })`. */
export function checkDivides(
  where: string,
  divisors: Readonly<Record<string, number>>,
  multiples: Readonly<Record<string, number>>,
): void {
  checkInteger(where, divisors, { min: 1 });
  checkInteger(where, multiples);
  for (const [divisorName, divisor] of Object.entries(divisors)) {
    for (const [name, value] of Object.entries(multiples)) {
      if (value % divisor === 0) continue;
      const below = Math.floor(value / divisor) * divisor;
      throw new CongError(
        "BAD_ARGUMENT",
        `${where}: ${name} (${value}) must be a multiple of ${divisorName} (${divisor})`,
        { where, [name]: value, [divisorName]: divisor },
        `the nearest multiples are ${below} and ${below + divisor}`,
      );
    }
  }
}

/** Every value must be one of `allowed`. */
export function checkOneOf<T>(
  where: string,
  values: Readonly<Record<string, unknown>>,
  allowed: readonly T[],
): asserts values is Readonly<Record<string, T>> {
  for (const [name, value] of Object.entries(values)) {
    if (!(allowed as readonly unknown[]).includes(value)) {
      throw badArgument(where, name, value, `one of ${allowed.map(show).join(", ")}`);
    }
  }
}

/** Every array must have exactly `length` elements. */
export function checkLength(where: string, arrays: Readonly<Record<string, ArrayLike<unknown>>>, length: number): void {
  for (const [name, array] of Object.entries(arrays)) {
    if (array.length === length) continue;
    throw new CongError(
      "BAD_ARGUMENT",
      `${where}: ${name} has ${array.length} elements, wanted ${length}`,
      { where, name, got: array.length, wanted: length },
      `pass ${length} elements`,
    );
  }
}

function within(value: number, { min = -Infinity, max = Infinity }: Bounds): boolean {
  return value >= min && value <= max;
}

function describe({ min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? "" : ` of at most ${max}`;
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function badArgument(where: string, name: string, value: unknown, wanted: string): CongError {
  const details = { where, name, value };
  return new CongError("BAD_ARGUMENT", `${where}: ${name} is ${show(value)}`, details, `${name} must be ${wanted}`);
}
