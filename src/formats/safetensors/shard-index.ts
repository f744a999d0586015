/** `model.safetensors.index.json`: which file of a sharded checkpoint holds which tensor. */
import { readFile } from "node:fs/promises";
import { CongError } from "../../support/errors.ts";
import { invalid } from "./header.ts";
import { parseStrictJson, type StrictJson } from "./strict-json.ts";

export const singleFileName = "model.safetensors";
export const indexFileName = "model.safetensors.index.json";

export interface ShardIndex {
  /** The writer's notes as text, for example `total_size`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensor name to file name, in the order of the index. */
  readonly weightMap: ReadonlyMap<string, string>;
}

/** Reads and checks an index. Shards must be plain file names, so that an index cannot point outside its folder. */
export async function readShardIndex(path: string): Promise<ShardIndex> {
  const root = parseIndex(await readText(path), path);
  const weightMap = root instanceof Map ? root.get("weight_map") : undefined;
  if (!(root instanceof Map) || !(weightMap instanceof Map)) {
    throw invalid(path, undefined, "the index has no weight_map object");
  }
  for (const [name, file] of weightMap) {
    if (typeof file !== "string" || !/^[^/\\:\0]+$/.test(file) || file === "." || file === "..") {
      throw invalid(
        path,
        name,
        `its file must be a plain file name, got ${JSON.stringify(String(file).slice(0, 200))}`,
      );
    }
  }
  const notes = root.get("metadata");
  const metadata = notes instanceof Map ? [...notes].map(([key, value]) => [key, String(value)] as const) : [];
  return { metadata: Object.fromEntries(metadata), weightMap: weightMap as ReadonlyMap<string, string> };
}

/** The index as Hugging Face libraries write it: sorted keys, two spaces, a final line feed. */
export function encodeShardIndex(
  weightMap: ReadonlyMap<string, string>,
  totalBytes: number,
  notes: Readonly<Record<string, string>>,
): string {
  const noted = Object.entries({ ...notes, total_size: totalBytes }).sort(([a], [b]) => (a < b ? -1 : 1));
  const metadata = JSON.stringify(Object.fromEntries(noted), null, 2).replaceAll("\n", "\n  ");
  const names = [...weightMap.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  // Written by hand because an object literal would move integer-like names to the front and lose __proto__.
  const lines = names.map((name) => `    ${JSON.stringify(name)}: ${JSON.stringify(weightMap.get(name))}`);
  const body = lines.length === 0 ? "{}" : `{\n${lines.join(",\n")}\n  }`;
  return `{\n  "metadata": ${metadata},\n  "weight_map": ${body}\n}\n`;
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CongError("FILE_READ_FAILED", `cannot read ${path}: ${reason}`, { path, cause: error }, "check the path");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid(path, undefined, "the index is not UTF-8 text");
  }
}

function parseIndex(text: string, path: string): StrictJson {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid(path, undefined, `the index is not valid JSON: ${error.message}`);
    throw error;
  }
}
