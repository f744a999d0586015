/** Records of a data set: JSON lines, packed with gzip or not. Small files, read whole. */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { CongError } from "../../support/index.ts";

/**
 * @param fields each must be text in every record
 * @throws CongError `DATA_MISSING`, `BAD_RECORD` with the line
 */
export async function readTaskRecords<Field extends string>(
  path: string,
  fields: readonly Field[],
): Promise<Readonly<Record<Field, string>>[]> {
  const text = await readTaskText(path);
  return text
    .split("\n")
    .map((line, i) => [line, i + 1] as const)
    .filter(([line]) => line.trim() !== "")
    .map(([line, number]) => checked(path, line, number, fields));
}

/**
 * The text of a file, packed with gzip or not.
 * @throws CongError `DATA_MISSING`, `BAD_RECORD` for what is no gzip file
 */
export async function readTaskText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new CongError(
      "DATA_MISSING",
      `cannot read ${path}: ${error.message}`,
      { path },
      "check the path given with --data or --text",
    );
  });
  return (path.endsWith(".gz") ? unpacked(path, bytes) : bytes).toString("utf8");
}

function unpacked(path: string, bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new CongError(
      "BAD_RECORD",
      `${path} is no gzip file: ${(error as Error).message}`,
      { path },
      "fetch it again",
    );
  }
}

function checked<Field extends string>(path: string, line: string, number: number, fields: readonly Field[]) {
  let record: Partial<Record<Field, unknown>> | null = null;
  try {
    record = JSON.parse(line) as Partial<Record<Field, unknown>> | null;
  } catch {
    // told below
  }
  const missing = fields.find((field) => typeof record?.[field] !== "string");
  if (record !== null && missing === undefined) return record as Readonly<Record<Field, string>>;
  throw new CongError(
    "BAD_RECORD",
    `${path}, line ${number}: ${record === null ? "this is not a JSON record" : `"${missing}" is not a text`}`,
    { path, line: number },
    `wanted records with ${fields.join(", ")}`,
  );
}
