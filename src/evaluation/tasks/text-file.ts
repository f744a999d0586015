/** Perplexity on the user's own texts: a JSONL file with `text`, or a text file of paragraphs; either may be packed with gzip. */
import { basename } from "node:path";
import type { TextItem, TextTask } from "../harness/task.ts";
import { readTaskRecords, readTaskText } from "./read-records.ts";

/** The texts of a file; paragraphs of a plain text file are separated by empty lines. */
export async function readTexts(path: string): Promise<string[]> {
  if (/\.jsonl(?:\.gz)?$/.test(path)) return (await readTaskRecords(path, ["text"])).map(({ text }) => text);
  const text = await readTaskText(path);
  return text.split(/\n\s*\n/).filter((paragraph) => paragraph.trim() !== "");
}

export function textFileTask(path: string): TextTask {
  const name = basename(path);
  return {
    kind: "text",
    name: `text-${name.replace(/[^\p{L}\p{N}.-]+/gu, "-")}`,
    title: `surprise at ${name}`,
    titleZh: `${name} 的困惑度`,
    version: 1,
    takesShots: false,
    async load() {
      const texts = await readTexts(path);
      return texts.filter((text) => text !== "").map((text, i): TextItem => ({ id: `text-${i}`, text }));
    },
  };
}
