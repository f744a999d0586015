/**
 * Reads adapter configurations strictly: a key is used, set aside on purpose, switched off, or an error. New versions of
 * PEFT add keys that are null until somebody uses them; those are let through.
 */
import { CongError } from "../support/errors.ts";
import type { AdapterJson } from "./adapter.ts";

export interface AdapterConfigReader {
  /** The raw value; undefined when absent or null. */
  value(key: string): unknown;
  integer(key: string, fallback?: number): number;
  number(key: string, fallback?: number): number;
  flag(key: string, fallback: boolean): boolean;
  text(key: string): string | undefined;
  /** A list of texts, or one text. */
  names(key: string): readonly string[] | string | undefined;
  /** Name → positive number. */
  numbers(key: string): Readonly<Record<string, number>>;
  /** Refuses every value but null, false, empty and these. */
  off(key: string, why: string, allowed?: readonly unknown[]): void;
  ignore(...keys: readonly string[]): void;
  /** The error for the value of a key. */
  bad(key: string, wanted: string): CongError;
  /** @throws CongError `BAD_CONFIG` naming the keys that nobody read */
  finish(): void;
}

export function readAdapterConfig(json: AdapterJson, file: string): AdapterConfigReader {
  const known = new Set<string>();
  const value = (key: string): unknown => {
    known.add(key);
    return Object.hasOwn(json, key) ? (json[key] ?? undefined) : undefined;
  };
  const bad = (key: string, wanted: string): CongError =>
    new CongError(
      "BAD_CONFIG",
      `${file}: ${key} is ${JSON.stringify(json[key])?.slice(0, 200) ?? "missing"}, wanted ${wanted}`,
      { file, key, value: json[key] },
      "an adapter that is read otherwise than it was trained gives wrong answers; correct the file or train it anew",
    );
  return {
    value,
    bad,
    integer(key, fallback) {
      const found = value(key) ?? fallback;
      if (typeof found === "number" && Number.isSafeInteger(found) && found >= 1) return found;
      throw bad(key, "an integer of at least 1");
    },
    number(key, fallback) {
      const found = value(key) ?? fallback;
      if (typeof found === "number" && Number.isFinite(found) && found >= 0) return found;
      throw bad(key, "a number of at least 0");
    },
    flag(key, fallback) {
      const found = value(key) ?? fallback;
      if (typeof found === "boolean") return found;
      throw bad(key, "true or false");
    },
    text(key) {
      const found = value(key);
      if (found === undefined || typeof found === "string") return found;
      throw bad(key, "text");
    },
    names(key) {
      const found = value(key);
      if (found === undefined || typeof found === "string") return found;
      if (Array.isArray(found) && found.every((each) => typeof each === "string")) return found;
      throw bad(key, "a list of names, or a regular expression");
    },
    numbers(key) {
      const found = value(key) ?? {};
      const isRecord = typeof found === "object" && !Array.isArray(found);
      if (isRecord && Object.values(found).every((each) => typeof each === "number" && each > 0)) {
        return found as Record<string, number>;
      }
      throw bad(key, "an object of positive numbers");
    },
    off(key, why, allowed = []) {
      const found = value(key);
      if (isOff(found) || allowed.some((each) => each === found)) return;
      throw bad(key, `it switched off: ${why}`);
    },
    ignore(...keys) {
      for (const key of keys) known.add(key);
    },
    finish() {
      const unknown = Object.keys(json).filter((key) => !known.has(key) && json[key] !== null);
      if (unknown.length === 0) return;
      throw new CongError(
        "BAD_CONFIG",
        `${file}: unknown key${unknown.length > 1 ? "s" : ""} ${unknown.map((key) => `"${key}"`).join(", ")}`,
        { file, unknown },
        "the key may change what the adapter computes; remove it, or set it to null, only if you know that it does not",
      );
    },
  };
}

function isOff(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
