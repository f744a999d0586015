import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readBatches } from "./batches.ts";
import { createBatchParser } from "./parse-batch.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-long-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["text", "a.txt", (text: string) => text],
  ["JSON", "a.jsonl", (text: string) => JSON.stringify({ text })],
])("a %s line that is too long is set aside with its number, and reading goes on", async (_, name, write) => {
  const path = join(folder, name);
  const texts = ["第一行", "第二行", "长".repeat(400_000), "第四行", "第五行", "长".repeat(400_000)];
  writeFileSync(path, texts.map(write).join("\n"));
  const parse = createBatchParser({});
  const good: [number, unknown][] = [];
  const bad: [number, string][] = [];
  let bytes = 0;
  for await (const batch of readBatches(path, { lineBytes: 1 << 19, batchBytes: 1 << 16 })) {
    bytes += batch.sourceBytes;
    parse(
      batch,
      ({ line, value }) => void good.push([line, value.text]),
      ({ line, reason, raw }) => {
        expect(raw.length).toBeLessThan(1 << 10);
        bad.push([line, reason]);
      },
    );
  }
  expect(good).toEqual([1, 2, 4, 5].map((line) => [line, texts[line - 1]]));
  const reason = "a line of more than 0.5 MiB, of which this is the beginning";
  expect(bad).toEqual([3, 6].map((line) => [line, reason]));
  expect(bytes).toBe(Buffer.byteLength(texts.map(write).join("\n")));
});
