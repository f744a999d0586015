/** Reads a JSON object from a file of a model folder: `config.json`, `generation_config.json`. */
import { readFile } from "node:fs/promises";
import { CongError } from "../../support/errors.ts";
import type { JsonObject } from "../family.ts";

// The largest config.json published has some hundred kilobytes (BERT classifiers with thousands of labels).
const largestFile = 64_000_000;

/** @throws CongError `FILE_READ_FAILED`, `BAD_CONFIG` (not UTF-8, not JSON, not an object, above 64 MB) */
export async function readJsonObject(path: string): Promise<JsonObject> {
  const bytes = await readFile(path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CongError("FILE_READ_FAILED", `cannot read ${path}: ${reason}`, { path, cause: error }, "check the path");
  });
  if (bytes.length > largestFile) throw invalid(path, `${bytes.length} bytes, the limit is ${largestFile}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(path, error instanceof SyntaxError ? error.message : "not UTF-8 text");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(path, "not a JSON object");
  return value as JsonObject;
}

function invalid(path: string, what: string): CongError {
  return new CongError("BAD_CONFIG", `${path}: ${what}`, { path }, "the file is damaged: download the folder again");
}
