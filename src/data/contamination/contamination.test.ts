import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { contamination } from "./contamination.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-contamination-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, texts: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, texts.map((text) => `${JSON.stringify({ text })}\n`).join(""));
  return path;
}

test("interrupted and run again, an evaluation record found on both sides counts once", async () => {
  const leaked = "山不在高有仙则名水不在深有龙则灵斯是陋室惟吾德馨";
  const against = [{ path: write("test.jsonl", [leaked, "苔痕上阶绿草色入帘青谈笑有鸿儒往来无白丁"]) }];
  const train = Array.from({ length: 60 }, (_, i) => (i % 10 === 5 ? `${i}${leaked}` : `第 ${i} 条`));
  const inputs = [{ path: write("train.jsonl", train), read: { batchBytes: 500 } }];
  const options = { inputs, against, output: join(folder, "out.jsonl"), threads: 1, partBytes: 500 };
  let calls = 3;
  const update = (): void => {
    if (calls-- <= 0) throw new Error("stopped");
  };
  await expect(contamination({ ...options, progress: { update } })).rejects.toThrow("stopped");
  const { recordsOut, figures } = await contamination(options);
  expect(recordsOut).toBe(54);
  expect(figures).toEqual({ "evaluation records": 2, "evaluation records found in training": 1 });
});
