import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { freshFolder } from "./fresh-folder.ts";

const at = mkdtempSync(join(tmpdir(), "congling-fresh-"));
afterAll(() => rmSync(at, { recursive: true, force: true }));

it("empties what an earlier run left, finished or not, and makes what is not there", async () => {
  const run = join(at, "run");
  await freshFolder(run);
  mkdirSync(join(run, "data"));
  writeFileSync(join(run, "report.html"), "");
  await freshFolder(run);
  expect(readdirSync(run)).toEqual([]);
});

it("touches nothing of anybody else's", async () => {
  const work = join(at, "work");
  mkdirSync(join(work, "data"), { recursive: true });
  writeFileSync(join(work, "thesis.txt"), "");
  await expect(freshFolder(work)).rejects.toThrow("thesis.txt");
  await expect(freshFolder(join(work, "thesis.txt"))).rejects.toThrow("is no folder");
  expect(existsSync(join(work, "thesis.txt"))).toBe(true);
});
