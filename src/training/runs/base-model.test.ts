import { expect, it } from "vitest";
import { readModelConfig } from "../../models/index.ts";
import { tinyConfigs } from "../../models/tiny-configs.fixture.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";
import { checkLength } from "./base-model.ts";
import { planModel } from "./depth-plan.ts";
import { checkAgrees, modelFromSettings } from "./new-model.ts";
import { pretrainSettings } from "./pretrain-settings.ts";
import { resolveSettings } from "./resolve-settings.ts";

const settingsOf = (file: object) => resolveSettings(pretrainSettings, file).values;

it.each(["bert", "glm"])("refuses rows longer than a %s is made for, whatever its positions are", (name) => {
  const model = readModelConfig(tinyConfigs[name]!);
  const { contextLength } = model.config;
  expect(() => checkLength(model, contextLength, false)).not.toThrow();
  expect(() => checkLength(model, contextLength + 1, false)).toThrow(
    `training.length is ${contextLength + 1}, and the model is made for texts of at most ${contextLength} tokens`,
  );
  expect(() => checkLength(model, 500, true)).toThrow("or make a model for longer texts: --model.context 500");
});

it("derives no rows longer than the model is made for", () => {
  expect(planModel(settingsOf({})).length).toBe(256);
  expect(planModel(settingsOf({ model: { context: 16 } })).length).toBe(16);
  expect(planModel(settingsOf({ model: { from: "base" } }), 64).length).toBe(64);
});

it("refuses what contradicts the model to go on from, and takes what equals it", () => {
  const base = readModelConfig(tinyConfigs.glm!);
  const check = (settings: object, model: object = {}) =>
    checkAgrees(settingsOf({ ...settings, model: { from: "base", ...model } }), base);
  check({ depth: 2 }, { layers: 2, hidden: 16, heads: 4, keyValueHeads: 2, feedForward: 24, context: 64 });
  check({}, { type: "glm", config: { head_dim: 8 } });
  expect(() => check({ depth: 4 })).toThrow(
    "depth is 4, and the model to go on from (model.from base) has 2\n  hint: leave --depth out",
  );
  expect(() => check({}, { hidden: 77 })).toThrow("model.hidden is 77");
  expect(() => check({}, { type: "llama" })).toThrow('model.type is "llama"');
  expect(() => check({}, { config: { head_dim: 4 } })).toThrow("model.config.head_dim is 4");
});

it("blames the heads where they cut the width into odd pieces", () => {
  const tokenizer = { vocabularySize: 64, specialTokens: new Map(), ids: {} } as unknown as Tokenizer;
  const make = (model: object) => {
    const settings = settingsOf({ model });
    return modelFromSettings(settings, planModel(settings).sizes, tokenizer);
  };
  expect(make({ hidden: 32, heads: 4 }).config.headSize).toBe(8);
  expect(() => make({ hidden: 32, heads: 5 })).toThrow(/model.heads is 5.*model.hidden is 32.*\n.*one of 1, 2, 4, 8$/);
});
