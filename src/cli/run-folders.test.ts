import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { modelFolderOf, resolveModel, tokenizerFolderOf } from "./run-folders.ts";

const root = mkdtempSync(join(tmpdir(), "congling-runs-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function at(path: string, content?: string): string {
  const full = join(root, path);
  if (content !== undefined) {
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
  return full;
}

at("base/config.yaml", "depth: 2\n");
at("base/model/config.json", "{}");
at("lora/config.yaml", `model: ${at("base")}\n`);
at("lora/adapter/adapter_config.json", '{"base_model_name_or_path": "some/hub-name"}');
at("peft/adapter_config.json", JSON.stringify({ base_model_name_or_path: at("base/model") }));
at("lost/adapter_config.json", '{"base_model_name_or_path": "THUDM/chatglm3-6b"}');
at("cut/config.yaml", "depth: 2\n");

test("a model folder is itself, a run is the model it made", async () => {
  expect(await resolveModel(at("base/model"))).toEqual({ folder: at("base/model") });
  expect(await resolveModel(at("base"))).toEqual({ folder: at("base/model") });
  expect(await resolveModel(at("none"))).toEqual({ folder: at("none") });
});

test("a run's tokenizer is its model's; a tokenizer's folder or file is itself", async () => {
  expect(await tokenizerFolderOf(at("base"))).toBe(at("base/model"));
  expect(await tokenizerFolderOf(at("tokenizer"))).toBe(at("tokenizer"));
});

test("a run that tuned an adapter, and an adapter's folder, are that adapter on its base model", async () => {
  const base = at("base/model");
  expect(await resolveModel(at("lora"))).toEqual({ folder: base, adapter: at("lora/adapter") });
  expect(await resolveModel(at("peft"))).toEqual({ folder: base, adapter: at("peft") });
  expect(await resolveModel(at("base"), at("lora"))).toEqual({ folder: base, adapter: at("lora/adapter") });
});

test("what cannot be meant is refused with a way out", async () => {
  await expect(resolveModel(at("lost"))).rejects.toThrow(/THUDM\/chatglm3-6b.*\n.*MODEL --adapter/);
  await expect(resolveModel(at("cut"))).rejects.toThrow(/has not made its model yet\n.*--resume/);
  await expect(resolveModel(at("lora"), at("peft"))).rejects.toThrow(/itself an adapter/);
  await expect(modelFolderOf(at("lora"))).rejects.toThrow(/wanted is a whole model.*\n.*congling export .* --to hf/);
});
