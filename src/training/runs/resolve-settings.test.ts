import { expect, it } from "vitest";
import { readSettingsText, resolveSettings } from "./resolve-settings.ts";
import { choice, derivedNumber, flag, integer, named, texts } from "./setting.ts";

const table = {
  seed: integer(0, "seed of everything random"),
  data: { train: texts("files") },
  training: {
    learningRate: derivedNumber("highest learning rate", { min: 0 }),
    steps: integer(100, "updates", { min: 1 }),
    packing: flag(true, "lay texts end to end"),
    optimizer: named({ name: "adamw" }, "optimizer"),
  },
  evaluation: { every: integer(0, "steps between evaluations") },
  checkpoint: { every: integer(10, "steps between checkpoints") },
  engine: choice(["onnxruntime", "reference"], "onnxruntime", "where to compute"),
};

const file = (yaml: string) => readSettingsText(yaml, "run.yaml");

it("takes the file over the defaults and the command line over both", () => {
  const { values, given } = resolveSettings(
    table,
    file("seed: 3\ntraining:\n  steps: 7\n  optimizer: {name: lion, beta1: 0.8}\ndata: {train: [a.txt]}"),
    [
      ["training.learningRate", "1e-3"],
      ["packing", "false"],
      ["steps", "9"],
      ["optimizer.beta2", "0.95"],
    ],
  );
  expect(values).toEqual({
    seed: 3,
    data: { train: ["a.txt"] },
    training: {
      learningRate: 0.001,
      steps: 9,
      packing: false,
      optimizer: { name: "lion", beta1: 0.8, beta2: 0.95 },
    },
    evaluation: { every: 0 },
    checkpoint: { every: 10 },
    engine: "onnxruntime",
  });
  expect([...given].sort()).toEqual([
    "data.train",
    "seed",
    "training.learningRate",
    "training.optimizer",
    "training.packing",
    "training.steps",
  ]);
});

it("reads any spelling of words and lists with commas", () => {
  const { values } = resolveSettings(table, {}, [
    ["learning-rate", "2e-3"],
    ["data.train", "a.txt,b.jsonl.gz"],
  ]);
  expect(values.training.learningRate).toBe(0.002);
  expect(values.data.train).toEqual(["a.txt", "b.jsonl.gz"]);
});

it("adds up a list that the command line gives several times, in place of the file's", () => {
  const { values } = resolveSettings(table, file("data: {train: [old.txt]}"), [
    ["data.train", "a.txt,b.txt"],
    ["train", "[c].txt"],
    ["data.train", "*.jsonl"],
  ]);
  expect(values.data.train).toEqual(["a.txt", "b.txt", "[c].txt", "*.jsonl"]);
});

it("takes what is no YAML on the command line as text", () => {
  expect(() => resolveSettings(table, {}, [["engine", "@gpu"]])).toThrow(/engine is "@gpu" \(from --engine\)/);
  expect(() => resolveSettings(table, {}, [["engine", "*gpu"]])).toThrow(/engine is "\*gpu"/);
});

it("refuses unknown keys with a suggestion, in the file and on the command line", () => {
  expect(() => resolveSettings(table, file("training:\n  learningrat: 1"))).toThrow(
    /unknown setting "training.learningrat"[\s\S]*did you mean "training.learningRate"/,
  );
  expect(() => resolveSettings(table, file("evaluation:\n  steps: 1"))).toThrow(/did you mean "training.steps"/);
  expect(() => resolveSettings(table, {}, [["stesp", "1"]])).toThrow(/"stesp"[\s\S]*did you mean "training.steps"/);
  expect(() => resolveSettings(table, {}, [["lerning-rat", "1"]])).toThrow(/did you mean "training.learningRate"/);
  expect(() => resolveSettings(table, {}, [["zzzzzzzz", "1"]])).toThrow(/unknown setting "zzzzzzzz"\n.*known: seed/);
});

it("asks for the whole key where two settings share the last part", () => {
  expect(() => resolveSettings(table, {}, [["every", "5"]])).toThrow(
    /--evaluation.every or --checkpoint.every[\s\S]*whole key/,
  );
});

it("refuses values that a setting does not accept and says where they came from", () => {
  expect(() => resolveSettings(table, file("training: {steps: 0}"))).toThrow(
    /training.steps is 0 \(from the file\), wanted a whole number of at least 1/,
  );
  expect(() => resolveSettings(table, {}, [["engine", "cuda"]])).toThrow(/one of onnxruntime, reference/);
  expect(() => resolveSettings(table, file("training: 4"))).toThrow(/training is 4, wanted a record/);
});

it("names the line of broken YAML, and expands no aliases", () => {
  expect(() => file("seed: 1\ntraining: [1")).toThrow(/run.yaml:\d+/);
  expect(() => file("a: &a [1, 2]\nb: [*a, *a]")).toThrow(/run.yaml.*alias/i);
});
