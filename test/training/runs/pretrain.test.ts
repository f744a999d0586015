import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadModelParameters } from "../../../src/models/index.ts";
import { loadTokenizer } from "../../../src/tokenizers/index.ts";
import { pretrain } from "../../../src/training/runs/pretrain.ts";
import { pretrainSettings } from "../../../src/training/runs/pretrain-settings.ts";
import { type Override, resolveSettings } from "../../../src/training/runs/resolve-settings.ts";
import { readRunConfig } from "../../../src/training/runs/run-folder.ts";
import { type TinyTexts, tinyTexts } from "../../../src/training/runs/tiny-texts.fixture.ts";

let tiny: TinyTexts;
beforeAll(async () => {
  tiny = await tinyTexts();
});
afterAll(() => rm(tiny.folder, { recursive: true }));

function settingsOf(name: string, changes: Readonly<Record<string, string | number>> = {}) {
  const overrides = Object.entries({
    out: join(tiny.folder, name),
    tokenizer: tiny.tokenizer,
    "data.train": tiny.texts,
    "data.validShare": 0.2,
    engine: "onnxruntime",
    threads: 1,
    layers: 1,
    hidden: 16,
    heads: 2,
    feedForward: 16,
    length: 24,
    batch: 2,
    steps: 8,
    learningRate: 0.01,
    "evaluation.rows": 4,
    ...changes,
  }).map(([key, value]): Override => [key, String(value)]);
  return resolveSettings(pretrainSettings, {}, overrides).values;
}

const silent = { progress: { silent: true } };
const lossesOf = async (folder: string) =>
  (await readFile(join(folder, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number | string>)
    .map(({ step, loss, validLoss }) => [step, loss, validLoss]);

it.each(["blank-infilling", "causal", "masked"])("trains by %s and leaves a complete run folder", async (name) => {
  const type = name === "masked" ? "bert" : "glm";
  const folder = join(tiny.folder, name);
  const summary = await pretrain(settingsOf(name, { "objective.name": name, type, "evaluation.every": 4 }), silent);
  expect(summary).toMatchObject({ reason: "done", steps: 8, tokens: 8 * 48 });
  expect(summary!.validLoss).toBeGreaterThan(0);
  const names = (await readdir(folder)).map((entry) => entry.replace(/tfevents.*/, "tfevents"));
  expect(names.sort()).toEqual([
    "checkpoint-7",
    "checkpoint-8",
    "config.yaml",
    "events.out.tfevents",
    "metrics.jsonl",
    "model",
    "summary.json",
  ]);
  const { config } = await loadModelParameters(join(folder, "model"));
  expect(config).toMatchObject({ layers: 1, hidden: 16, vocabulary: 320 });
  const tokenizer = await loadTokenizer(join(folder, "model"));
  expect(tokenizer.decode(tokenizer.encode("明月"))).toBe("明月");
  expect(await readRunConfig(join(folder, "config.yaml"))).toMatchObject({
    training: { steps: 8, warmupSteps: 7, batch: 2 },
    model: { layers: 1, feedForward: 16 },
  });
});

it("says so when nothing is held out", async () => {
  const said: string[] = [];
  const settings = settingsOf("nothing-held-out", { "data.validShare": 0, steps: 1 });
  const summary = await pretrain(settings, { ...silent, say: (text) => said.push(text) });
  expect(summary!.validLoss).toBeNull();
  expect(said.join("\n")).toContain("nothing is held out (data.validShare 0): this run has no validation loss");
});

it("learns: the loss of four sentences falls", async () => {
  const settings = settingsOf("learns", { steps: 60, warmupSteps: 3, "objective.name": "causal" });
  const summary = await pretrain(settings, silent);
  const [first] = await lossesOf(join(tiny.folder, "learns"));
  expect(summary!.loss!).toBeLessThan(Number(first![1]) - 1);
});

it("resumes with identical losses after an interruption", async () => {
  const changes = { steps: 9, "evaluation.every": 3, "checkpoint.every": 2 };
  await pretrain(settingsOf("whole", changes), silent);
  const controller = new AbortController();
  const folder = join(tiny.folder, "broken");
  const interrupted = await pretrain(settingsOf("broken", changes), {
    progress: { stream: { write: (text) => (text.includes("4/9") ? controller.abort() : undefined), isTTY: true } },
    signal: controller.signal,
    say: (text) => (text.startsWith("step 3") ? controller.abort() : undefined),
  });
  expect(interrupted!.reason).toBe("interrupted");
  // All settings come from the folder.
  const { values } = resolveSettings(pretrainSettings, await readRunConfig(join(folder, "config.yaml")));
  await expect(pretrain(values, silent)).rejects.toThrow(/already holds a run/);
  const resumed = await pretrain(values, { ...silent, resume: true });
  expect(resumed!.reason).toBe("done");
  expect(await lossesOf(folder)).toEqual(await lossesOf(join(tiny.folder, "whole")));
});

it("stops early and keeps the best model", async () => {
  const settings = settingsOf("early", {
    steps: 50,
    "evaluation.every": 2,
    patience: 2,
    learningRate: 0.9,
    "objective.name": "causal",
  });
  const summary = await pretrain(settings, silent);
  expect(summary!.reason).toBe("stopped early");
  const losses = (await lossesOf(join(tiny.folder, "early")))
    .map(([, , loss]) => loss)
    .filter((loss) => loss !== undefined);
  expect(summary!.validLoss).toBe(Math.min(...losses.map(Number)));
  expect(losses.length - losses.map(Number).indexOf(summary!.validLoss!)).toBe(3);
});

it("prints the plan of a dry run and writes nothing", async () => {
  const lines: string[] = [];
  const result = await pretrain(settingsOf("dry", { minutes: 1 }), { dryRun: true, say: (text) => lines.push(text) });
  expect(result).toBeUndefined();
  const text = lines.join("\n");
  for (const part of ["parameters", "FLOP a step", "memory", "on this machine", "sample", "⟦"]) {
    expect(text).toContain(part);
  }
  expect(text).toMatch(/model.keyValueHeads +2 +every head/);
  expect(text).toMatch(/training.warmupSteps +7 +all steps but one/);
  await expect(readdir(join(tiny.folder, "dry"))).rejects.toThrow();
});

it("counts records it cannot read, with file and line", async () => {
  const bad = join(tiny.folder, "bad.jsonl");
  await writeFile(bad, `${await readFile(tiny.texts, "utf8")}{"text": 5}\nnot json\n`);
  const lines: string[] = [];
  await pretrain(settingsOf("aside", { "data.train": bad, steps: 1 }), { ...silent, say: (text) => lines.push(text) });
  expect(lines.join("\n")).toMatch(
    /2 records could not be read[\s\S]*bad.jsonl:41: "text" is a number[\s\S]*:42: not JSON/,
  );
});

it("drops while it learns: rate 0 changes nothing, a seed fixes the loss, validation and a resumed run agree", async () => {
  const run = async (name: string, changes: Readonly<Record<string, string | number>>) => {
    const summary = await pretrain(settingsOf(name, changes), silent);
    return { summary, losses: await lossesOf(join(tiny.folder, name)) };
  };
  // Nothing is learned at this rate, so that validation sees the same weights in all of them.
  const still = { learningRate: 1e-12, "evaluation.every": 4, "checkpoint.every": 4 };
  const plain = await run("plain", still);
  expect((await run("zero", { ...still, dropout: 0 })).losses).toEqual(plain.losses);
  const dropped = await run("dropped", { ...still, dropout: 0.5 });
  expect((await run("dropped-again", { ...still, dropout: 0.5 })).losses).toEqual(dropped.losses);
  expect(dropped.losses.map(([, loss]) => loss)).not.toEqual(plain.losses.map(([, loss]) => loss));
  expect(dropped.summary!.validLoss!).toBeCloseTo(plain.summary!.validLoss!, 5);
  // Interrupted and gone on with, it drops what it would have dropped.
  const controller = new AbortController();
  const broken = settingsOf("dropped-in-two", { ...still, dropout: 0.5 });
  const say = (text: string) => (text.startsWith("step 4") ? controller.abort() : undefined);
  expect((await pretrain(broken, { ...silent, signal: controller.signal, say }))!.reason).toBe("interrupted");
  await pretrain(broken, { ...silent, resume: true });
  expect(await lossesOf(join(tiny.folder, "dropped-in-two"))).toEqual(dropped.losses);
  expect(() => settingsOf("wrong", { dropout: 1 })).toThrow(/of at least 0 and below 1/);
});

it("fills its minutes: one number of steps, worked out once and stored, nothing left behind", async () => {
  const folder = join(tiny.folder, "timed");
  const lines: string[] = [];
  const { steps: _, ...untimed } = settingsOf("timed", { minutes: 0.15, "evaluation.rows": 4 }).training;
  const settings = { ...settingsOf("timed", { minutes: 0.15 }), training: { ...untimed, steps: null } };
  const summary = await pretrain(settings, { ...silent, say: (text) => lines.push(text) });
  const { training } = (await readRunConfig(join(folder, "config.yaml"))) as { training: { steps: number } };
  expect(summary).toMatchObject({ reason: "done", steps: training.steps });
  expect(lines.join("\n")).toMatch(/0\.15 minutes, as measured: .* a validation, .* a checkpoint/);
  expect(await readdir(folder)).not.toContain("checkpoint-0");
  expect((await readdir(folder)).filter((name) => name.includes(".tmp-"))).toEqual([]);
  const { values } = resolveSettings(pretrainSettings, await readRunConfig(join(folder, "config.yaml")));
  const again = await pretrain(values, { ...silent, resume: true });
  expect(again).toMatchObject({ reason: "done", steps: training.steps, tokens: 0 });
});

it("keeps the model of a run with early stopping that has nothing to be judged by", async () => {
  const changes = { steps: 2, "data.validShare": 0, "evaluation.patience": 1 };
  await pretrain(settingsOf("unjudged", changes), silent);
  expect(await readdir(join(tiny.folder, "unjudged", "model"))).toContain("model.safetensors");
});

it("refuses an objective whose answers the model would see", async () => {
  const settings = settingsOf("cheat", { "model.type": "bert", "objective.name": "causal" });
  await expect(pretrain(settings, silent)).rejects.toThrow(/causal asks for the next token/);
});

it("says what is wrong with records of another format, and with a folder that is a file", async () => {
  const wrongFormat = settingsOf("format", { "data.format": "alpaca", "data.train": join(tiny.folder, "other.jsonl") });
  await writeFile(join(tiny.folder, "other.jsonl"), '{"text":"明月"}\n');
  await expect(pretrain(wrongFormat, silent)).rejects.toThrow(/all 1 records were set aside/);
  await writeFile(join(tiny.folder, "file"), "");
  await expect(pretrain(settingsOf("file/run"), silent)).rejects.toThrow(/cannot make the run's folder/);
});

it("refuses texts that are too short before it makes the folder", async () => {
  const short = join(tiny.folder, "short.jsonl");
  await writeFile(short, '{"text":"a"}\n'.repeat(9));
  await expect(pretrain(settingsOf("short", { "data.train": short }), silent)).rejects.toThrow(/nothing to learn/);
  await expect(readdir(join(tiny.folder, "short"))).rejects.toThrow();
});
