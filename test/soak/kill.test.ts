/** `npm run soak -- kill` with two kills, a tiny model and a data set of its own; and the moments it draws. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { killPlan } from "../../bench/soak/kill.ts";
import { createRandom } from "../../src/support/random.ts";
import { trainTokenizer } from "../../src/training/index.ts";
import { compilePrograms } from "../compile-programs.fixture.ts";

let work = "";
let soak = "";

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "congling-soak-"));
  soak = compilePrograms(["bench/soak.ts", "bench/soak/kill-child.ts"], join(work, "js"))[0]!;
}, 120_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A recipe for a network that learns a step in milliseconds. */
async function tinyRecipe(): Promise<string> {
  const random = createRandom(3);
  const line = () => Array.from({ length: 5 }, () => "天地玄黄宇宙洪荒日月盈昃"[random.integer(12)]).join("");
  const texts = Array.from({ length: 200 }, () => `${line()}，${line()}。`);
  const [data, tokenizer, recipe] = ["texts.txt", "tokenizer", "tiny.yaml"].map((name) => join(work, name));
  writeFileSync(data!, texts.join("\n"));
  await trainTokenizer({ files: [data!], out: tokenizer!, vocabularySize: 300 });
  const settings = {
    tokenizer,
    data: { train: [data] },
    model: { layers: 1, hidden: 32, heads: 2, feedForward: 64 },
    training: { batch: 2, length: 32, learningRate: 0.01, optimizer: { name: "muon" } },
    evaluation: { rows: 2, every: 20 },
  };
  writeFileSync(recipe!, stringify(settings));
  return recipe!;
}

test("two kills change nothing", { timeout: 240_000 }, async () => {
  const options = ["--recipe", await tinyRecipe(), "--steps", "60", "--kills", "2", "--checkpoint", "2", "--json"];
  const { stdout, stderr, status } = spawnSync(process.execPath, [soak, "kill", ...options], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  const { results } = JSON.parse(stdout) as { results: Record<string, number | string | boolean>[] };
  expect(results[0]).toMatchObject({
    steps: 60,
    kills: 2,
    largestLossDifference: 0,
    largestNumberDifference: 0,
    leftovers: 0,
    passed: true,
  });
  expect(results[0]!.lossesCompared).toBeGreaterThan(60);
  expect(results[0]!.numbersCompared).toBeGreaterThan(10_000);
  expect(String(results[0]!.resumedFrom).split(" ").length).toBe(2);
});

test("moments are drawn over the whole run, in its order, some of them before the first step of a process", () => {
  const plan = killPlan(20, 240, 400, createRandom(0));
  const steps = plan.flatMap(({ step }) => step ?? []);
  expect(plan.length).toBe(20);
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  expect(steps[0]).toBeLessThan(60);
  expect(steps.at(-1)).toBeGreaterThan(160);
  expect(steps.at(-1)).toBeLessThanOrEqual(216);
  expect(steps.length).toBeLessThan(20);
  expect(steps.length).toBeGreaterThan(10);
  expect(killPlan(20, 240, 400, createRandom(0))).toEqual(plan);
});
