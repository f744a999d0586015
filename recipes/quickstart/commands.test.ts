import { expect, it } from "vitest";
import { readTrainArguments } from "../../src/cli/train-options.ts";
import { pretrainingOf, recipeSteps, recipes, typed, typedPretraining, typedTuning } from "./commands.ts";

const changes = {
  tokenizer: "runs/quickstart/tokenizer",
  "data.train": "runs/quickstart/data/train.jsonl",
  steps: 7,
  learningRate: 0.005,
  seed: 3,
  out: "runs/quickstart/pretrain",
};

it("shows commands that mean to the command line what the program does", async () => {
  const wanted = Object.entries(changes).map(([key, value]) => [key, String(value)]);
  for (const [line, recipe] of [
    [typedPretraining(changes), recipes.pretrain],
    [typedTuning(changes), recipes.sft],
  ] as const) {
    const [npx, congling, , ...args] = line.split(" ");
    expect([npx, congling]).toEqual(["npx", "congling"]);
    expect(readTrainArguments(args)).toMatchObject({ file: recipe, overrides: wanted });
  }
  const { training, data, seed, model } = await pretrainingOf(changes);
  expect(training).toMatchObject({ steps: 7, learningRate: 0.005, length: 256 });
  expect(data.train).toEqual([changes["data.train"]]);
  expect(seed).toBe(3);
  expect(model.hidden).toBe(192);
});

it("quotes what a shell would take apart", () => {
  expect(typed("generate", "runs/my model", "--prompt", "春眠不觉晓，", "--seed", 1)).toBe(
    'npx congling generate "runs/my model" --prompt "春眠不觉晓，" --seed 1',
  );
});

it("has recipes whose every key is a setting, with their steps", async () => {
  const { pretrain, sft } = await recipeSteps();
  expect(pretrain).toBeGreaterThan(100);
  expect(sft).toBeGreaterThan(50);
});
