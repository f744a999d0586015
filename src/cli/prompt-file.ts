/** Prompts from files: one a line of text, or JSONL records with `prompt`, `text` or `messages`; `.gz` is read as well, `-` is standard input. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { CongError } from "../support/index.ts";
import type { ChatMessage } from "../tokenizers/index.ts";

export type Prompt = { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };

/** @throws CongError `PATH_NOT_FOUND`, `BAD_RECORD` with the number of the line */
export async function readPrompts(path: string): Promise<Prompt[]> {
  const isJson = /\.jsonl?(?:\.gz)?$/.test(path);
  const prompts: Prompt[] = [];
  let number = 0;
  try {
    const file: Readable = path === "-" ? process.stdin : createReadStream(path);
    const bytes = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
    file.on("error", (error: Error) => bytes.destroy(error));
    for await (const line of createInterface({ input: bytes, crlfDelay: Infinity })) {
      number++;
      if (line.trim() !== "") prompts.push(isJson ? recordOf(path, number, line) : { prompt: line });
    }
  } catch (error) {
    if (CongError.is(error)) throw error;
    const what = `cannot read ${path}: ${(error as Error).message}`;
    throw new CongError("PATH_NOT_FOUND", what, { path, cause: error }, "check the path of the file with prompts");
  }
  return prompts;
}

function recordOf(path: string, number: number, line: string): Prompt {
  let record: Readonly<Record<string, unknown>> | null;
  try {
    record = JSON.parse(line) as typeof record;
  } catch {
    throw badRecord(path, number, "is not JSON");
  }
  const text = record?.prompt ?? record?.text;
  if (typeof text === "string") return { prompt: text };
  if (Array.isArray(record?.messages)) return { messages: record.messages as ChatMessage[] };
  throw badRecord(path, number, "has neither prompt nor text nor messages");
}

const badRecord = (path: string, number: number, what: string): CongError =>
  new CongError(
    "BAD_RECORD",
    `${path}, line ${number}: the record ${what}`,
    { path, line: number },
    'wanted {"prompt": "…"} or {"messages": [{"role": "user", "content": "…"}]}',
  );
