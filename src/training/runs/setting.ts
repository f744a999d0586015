/**
 * Settings of a run as a typed table: what each accepts, its default, and a line that explains it. The same table checks
 * the YAML file, reads the command line, prints the help and writes `config.yaml`.
 */

/** One setting; `read` gives undefined for a value it does not accept. */
export interface Setting<T> {
  readonly about: string;
  readonly wanted: string;
  readonly fallback: T;
  readonly read: (value: unknown) => T | undefined;
  /** Keys below it are the business of who uses it (`optimizer.beta2`). */
  readonly isOpen?: true;
  /** The names it takes, for the help. */
  readonly choices?: readonly string[];
  /** On the command line it is text with commas, and given several times it grows. */
  readonly isList?: true;
}

export interface SettingTable {
  readonly [key: string]: Setting<unknown> | SettingTable;
}

/** The record that a table describes. */
export type ValuesOf<T> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : ValuesOf<T[K]> };

/** An open record with a name, such as an optimizer with its options. */
export interface NamedOptions {
  readonly name: string;
  readonly [key: string]: unknown;
}

export const isSetting = (entry: Setting<unknown> | SettingTable): entry is Setting<unknown> =>
  typeof (entry as Setting<unknown>).read === "function";

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

interface Limits {
  readonly min?: number;
  readonly max?: number;
  /** An upper limit that is not itself allowed. */
  readonly below?: number;
}

const inWords = ({ min, max, below }: Limits): string =>
  [
    min === undefined ? "" : ` of at least ${min}`,
    max === undefined ? "" : ` of at most ${max}`,
    below === undefined ? "" : ` below ${below}`,
  ]
    .filter((part) => part !== "")
    .join(" and");

function numeric<T extends number | null>(fallback: T, about: string, limits: Limits, isWhole: boolean): Setting<T> {
  const { min = -Infinity, max = Infinity, below = Infinity } = limits;
  const accepts = (value: unknown) =>
    isNumber(value) && value >= min && value <= max && value < below && (!isWhole || Number.isSafeInteger(value));
  return {
    about,
    wanted: `a ${isWhole ? "whole " : ""}number${inWords(limits)}`,
    fallback,
    read: (value) => (accepts(value) || (value === null && fallback === null) ? (value as T) : undefined),
  };
}

/** A whole number. */
export const integer = (fallback: number, about: string, limits: Limits = {}): Setting<number> =>
  numeric(fallback, about, limits, true);

/** A whole number, or null: worked out from other settings. */
export const derivedInteger = (about: string, limits: Limits = {}): Setting<number | null> =>
  numeric<number | null>(null, about, limits, true);

export const number = (fallback: number, about: string, limits: Limits = {}): Setting<number> =>
  numeric(fallback, about, limits, false);

export const derivedNumber = (about: string, limits: Limits = {}): Setting<number | null> =>
  numeric<number | null>(null, about, limits, false);

export const flag = (fallback: boolean, about: string): Setting<boolean> => ({
  about,
  wanted: "true or false",
  fallback,
  read: (value) => (typeof value === "boolean" ? value : undefined),
});

/** Text, or null for none. A number or a date on the command line is text, too. */
export const text = (about: string, choices: readonly string[] = []): Setting<string | null> => ({
  about,
  choices,
  wanted: "text",
  fallback: null,
  read: (value) => (value === null || typeof value === "string" ? value : isNumber(value) ? String(value) : undefined),
});

export const choice = <const T extends string>(values: readonly T[], fallback: T, about: string): Setting<T> => ({
  about,
  choices: values,
  wanted: `one of ${values.join(", ")}`,
  fallback,
  read: (value) => values.find((each) => each === value),
});

/** A list of texts; on the command line separated by commas. */
export const texts = (about: string): Setting<readonly string[]> => ({
  about,
  wanted: "a list of texts",
  fallback: [],
  isList: true,
  read(value) {
    if (typeof value === "string") return value.split(",").filter((part) => part !== "");
    return Array.isArray(value) && value.every((part) => typeof part === "string") ? (value as string[]) : undefined;
  },
});

/** A name with options, `{name: adamw, beta2: 0.95}`, or the name alone. Who uses it checks both. */
export const named = (
  fallback: NamedOptions,
  about: string,
  choices: readonly string[] = [],
): Setting<NamedOptions> => ({
  about,
  choices,
  wanted: "a name, or a record with a name and options",
  fallback,
  isOpen: true,
  read(value) {
    if (typeof value === "string") return value === fallback.name ? fallback : { name: value };
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const { name = fallback.name } = value as { readonly name?: unknown };
    if (typeof name !== "string") return undefined;
    // The options of the default belong to it alone.
    return { ...(name === fallback.name ? fallback : {}), ...value, name };
  },
});

/** A record whose keys are the business of who uses it. */
export const record = (about: string): Setting<Readonly<Record<string, unknown>>> => ({
  about,
  wanted: "a record",
  fallback: {},
  isOpen: true,
  read: (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined,
});
