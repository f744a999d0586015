/** A folder with a few texts and a tokenizer trained on them, for tests of whole runs. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trainTokenizer } from "./train-tokenizer.ts";

const lines = [
  "床前明月光，疑是地上霜。",
  "举头望明月，低头思故乡。",
  "春眠不觉晓，处处闻啼鸟。",
  "夜来风雨声，花落知多少。",
];

export interface TinyTexts {
  readonly folder: string;
  readonly texts: string;
  readonly tokenizer: string;
}

export async function tinyTexts(): Promise<TinyTexts> {
  const folder = await mkdtemp(join(tmpdir(), "run-"));
  const texts = join(folder, "texts.jsonl");
  const records = Array.from({ length: 40 }, (_, i) => ({ text: `${lines[i % 4]}${lines[(i + (i >> 2)) % 4]}` }));
  await writeFile(texts, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  const tokenizer = join(folder, "tokenizer");
  await trainTokenizer({ files: [texts], out: tokenizer, vocabularySize: 300, threads: 1 });
  return { folder, texts, tokenizer };
}
