import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { split } from "./split.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-split-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, values: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(path, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  return path;
}

test.each(["groupBy", "stratifyBy"])("%s: a record without the field is set aside", async (by) => {
  const records = Array.from({ length: 40 }, (_, i) => ({ text: `第 ${i} 条`, author: `甲${i % 8}` }));
  const path = write(`${by}.jsonl`, [records[0]!, { text: "没有作者" }, ...records.slice(1)]);
  const options = { inputs: [{ path }], folder: join(folder, by), shares: { train: 0.5, test: 0.5 } };
  const report = await split({ ...options, [by]: "author" });
  expect(report).toMatchObject({ recordsIn: 41, recordsOut: 40, removed: { 'no plain "author"': { count: 1 } } });
  const rejected = readFileSync(join(folder, by, "split.rejected.jsonl"), "utf8");
  expect(JSON.parse(rejected)).toEqual({
    file: path,
    line: 2,
    reason: 'no plain "author"',
    record: { text: "没有作者" },
  });
  await expect(split({ ...options, [by]: "writer" })).rejects.toMatchObject({ code: "MISSING_FIELD" });
});

test("a split that fails while its parts get their names leaves no new part beside an old one", async () => {
  const path = write("names.jsonl", [{ text: "一" }, { text: "二" }, { text: "三" }]);
  const parts = join(folder, "names");
  const options = { inputs: [{ path }], folder: parts, shares: { a: 0.4, b: 0.3, c: 0.3 } };
  await split(options);
  // Stands for the kill: in the way of the second part's name.
  const update = (): void => {
    rmSync(join(parts, "b.jsonl"), { recursive: true, force: true });
    mkdirSync(join(parts, "b.jsonl"), { recursive: true });
  };
  await expect(split({ ...options, seed: 1, progress: { update } })).rejects.toMatchObject({
    code: expect.any(String),
  });
  expect(["a.jsonl", "split.report.json"].filter((name) => existsSync(join(parts, name)))).toEqual([]);
  rmSync(join(parts, "b.jsonl"), { recursive: true });
  expect(await split({ ...options, seed: 1 })).toMatchObject({ recordsOut: 3 });
});
