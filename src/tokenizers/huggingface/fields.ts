/**
 * Reading fields of a tokenizer.json. The file may come from anyone: every value is checked where it is read, and an error names its
 * place, such as `pre_tokenizer.pretokenizers[0].pattern`.
 */
import { CongError } from "../../support/index.ts";

/** A JSON object and where it stood. */
export interface Fields {
  readonly at: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** The file is broken: a value of the wrong kind. */
export function broken(at: string, got: unknown, wanted: string): CongError {
  const shown = got === undefined ? "missing" : (JSON.stringify(got) ?? String(got)).slice(0, 100);
  return new CongError(
    "BAD_TOKENIZER_FILE",
    `tokenizer.json: ${at} is ${shown}`,
    { at, got: shown },
    `it must be ${wanted}; get the file again from where it came`,
  );
}

/** The file is sound, but asks for what this project does not do. */
export function unsupported(at: string, what: string): CongError {
  return new CongError(
    "UNSUPPORTED_TOKENIZER",
    `tokenizer.json: ${at} asks for ${what}, which is not supported`,
    { at, what },
    "use a tokenizer without this part, or report it",
  );
}

export function fieldsOf(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw broken(at, value, "an object");
  return { at, values: value as Record<string, unknown> };
}

/** The value of a field, or undefined when it is absent or null. */
export function field(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields.values, name) ? (fields.values[name] ?? undefined) : undefined;
}

export const place = (fields: Fields, name: string): string => (fields.at === "" ? name : `${fields.at}.${name}`);

export function objectField(fields: Fields, name: string): Fields {
  return fieldsOf(field(fields, name), place(fields, name));
}

export function stringField(fields: Fields, name: string, fallback?: string): string {
  const value = field(fields, name) ?? fallback;
  if (typeof value !== "string") throw broken(place(fields, name), value, "a string");
  return value;
}

export function optionalString(fields: Fields, name: string): string | undefined {
  return field(fields, name) === undefined ? undefined : stringField(fields, name);
}

export function booleanField(fields: Fields, name: string, fallback?: boolean): boolean {
  const value = field(fields, name) ?? fallback;
  if (typeof value !== "boolean") throw broken(place(fields, name), value, "true or false");
  return value;
}

export function integerField(fields: Fields, name: string, fallback?: number): number {
  return checkCount(field(fields, name) ?? fallback, place(fields, name));
}

export function listField(fields: Fields, name: string): readonly unknown[] {
  const value = field(fields, name);
  if (!Array.isArray(value)) throw broken(place(fields, name), value, "a list");
  return value;
}

/** A non-negative integer below 2^31. */
export function checkCount(value: unknown, at: string): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= 2 ** 31) {
    throw broken(at, value, "an integer from 0");
  }
  return value as number;
}

/** Parts that contain parts of their kind (Sequence) may not nest deeper: no published file does, and a stack is finite. */
export const deepestNesting = 32;

/**
 * Builds a part by its `type`. `kind` is the noun of the error message.
 * @throws CongError `UNSUPPORTED_TOKENIZER` for a type that `makers` does not have
 */
export function byType<T>(kind: string, fields: Fields, makers: Readonly<Record<string, (fields: Fields) => T>>): T {
  const type = stringField(fields, "type");
  if (!Object.hasOwn(makers, type)) throw unsupported(fields.at, `the ${kind} "${type}"`);
  return makers[type]!(fields);
}
