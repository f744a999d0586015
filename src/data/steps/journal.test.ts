import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { clean } from "../file-steps.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-journal-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stopAfter = (calls: number) => ({
  update(): void {
    if (calls-- <= 0) throw new Error("stopped");
  },
});

const records = Array.from({ length: 60 }, (_, i) => ({ text: `第 ${i} 条记录，内容都不相同。` }));
const path = join(folder, "in.jsonl");
writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
const inputs = [{ path, read: { batchBytes: 500 } }];

test.each([
  ["cut off", (parts: string) => writeFileSync(join(parts, "journal.json"), '{"version":1,"finger')],
  [
    "of another shape",
    (parts: string) => {
      const journal = JSON.parse(readFileSync(join(parts, "journal.json"), "utf8")) as object;
      writeFileSync(join(parts, "journal.json"), JSON.stringify({ ...journal, parts: [{ name: "00000" }] }));
    },
  ],
  ["without one of its parts", (parts: string) => rmSync(join(parts, "00000.jsonl"))],
])("a journal %s: the step starts over and says so", async (name, damage) => {
  const output = join(folder, `${name}.jsonl`);
  const options = { inputs, output, threads: 1, partBytes: 500 };
  await expect(clean({}, { ...options, progress: stopAfter(3) })).rejects.toThrow("stopped");
  expect(readdirSync(`${output}.parts`)).toContain("00000.jsonl");
  damage(`${output}.parts`);
  const { recordsOut, figures } = await clean({}, options);
  expect(recordsOut).toBe(60);
  expect(Object.keys(figures)).toEqual([expect.stringContaining("started over")]);
});
