/** Every stage's recipe runs, one after another on what the one before left, at a size of seconds. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const out = mkdtempSync(join(tmpdir(), "congling-recipes-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));
const at = (name: string): string => join(out, name);

function recipe(...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["dist/recipes/run.js", ...args], {
    encoding: "utf8",
  });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

test("data, tokenizer, pre-training, fine-tuning, chat, evaluation, compression, export", () => {
  expect(recipe("data", "--limit", "300", "--out", at("data"))).toMatch(/clean: 300 records in/);
  const texts = at("data/train.jsonl");
  expect(recipe("tokenizer", texts, "--size", "1200", "--out", at("tokenizer"))).toMatch(/changedTexts +0\n/);
  const base = ["--data", texts, "--tokenizer", at("tokenizer"), "--depth", "1", "--out", at("base")];
  expect(recipe("pretrain", ...base, "--steps", "3")).toMatch(/done: 3 steps, loss on unseen poems \d/);
  const model = at("base/model");
  expect(recipe("finetune", "--model", model, "--steps", "2", "--out", at("tuned"))).toMatch(
    /loss of unseen answers \d/,
  );
  expect(recipe("chat", model, "你好", "--adapter", at("tuned/adapter"))).toMatch(/^> 你好\n/);
  expect(recipe("evaluate", model)).toMatch(/poem-next-line/);
  expect(recipe("quantize", model, at("small"))).toMatch(/int4 +perplexity/);
  expect(recipe("export", model, at("exported"), "--pre", "glm4")).toMatch(/the same text: /);
  expect(existsSync(at("exported/model-q8_0.gguf"))).toBe(true);
});

test("the first GLM, from zero to filled masks", () => {
  const printed = recipe("original-glm", "--steps", "3", "--poems", "200", "--out", at("original"));
  expect(printed).toMatch(/step 3: loss \d/);
  expect(printed).toMatch(/白日依山尽，\[sMASK\]欲穷千里目，更上一层楼。 → /);
});
