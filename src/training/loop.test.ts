/** The loop: order of events, resume with bit-identical losses, interruption, what is on disk. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hostTensor, toNumbers } from "../engine/index.ts";
import { type BatchSource, stackBatches } from "./batches.ts";
import { readManifest } from "./checkpoint.ts";
import { type TrainOptions, train } from "./loop.ts";
import { type TinyOptions, tinyData, tinySchedule, tinyTrainer } from "./tiny-run.fixture.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "congling-training-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(options: Partial<TrainOptions> = {}, tiny: TinyOptions = {}) {
  const trainer = await tinyTrainer(tiny);
  const result = await train({
    trainer,
    data: tinyData,
    schedule: tinySchedule,
    totalSteps: 12,
    progress: { silent: true },
    ...options,
  });
  return { ...result, weight: toNumbers(trainer.parameters().second.weight), trainer };
}

const logged = (path = join(folder, "metrics.jsonl")) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number>);

test("trains: the loss falls, the rate follows the schedule, evaluations and steps are logged in order", async () => {
  const events: string[] = [];
  const result = await run({
    folder,
    totalSteps: 40,
    evaluateEvery: 15,
    checkpointEvery: 20,
    hooks: {
      onStep: ({ step }) => {
        if (step % 10 === 0) events.push(`step ${step}`);
      },
      onEvaluate: async (step) => {
        events.push(`evaluate ${step}`);
        return { accuracy: step / 100 };
      },
      onCheckpoint: (path, step) => {
        events.push(`checkpoint ${step} ${path === join(folder, `checkpoint-${step}`)}`);
      },
    },
  });
  expect(events).toEqual([
    "step 10",
    "evaluate 15",
    "step 20",
    "checkpoint 20 true",
    "step 30",
    "evaluate 30",
    "step 40",
    "checkpoint 40 true",
    "evaluate 40",
  ]);
  expect(result).toMatchObject({ reason: "done", step: 40, lastEvaluation: { accuracy: 0.4 } });
  const mean = (from: number, to: number) =>
    result.losses.slice(from, to).reduce((total, [, loss]) => total + loss, 0) / (to - from);
  expect(mean(35, 40)).toBeLessThan(0.6 * mean(0, 5));
  const records = logged();
  expect(records.length).toBe(43);
  expect(records[0]).toMatchObject({ step: 1, learningRate: 0, tokens: 8, isSkipped: false });
  expect(records[2]).toMatchObject({ step: 3, learningRate: 0.01, loss: result.losses[2]![1] });
  expect(records.find(({ kind }) => kind !== undefined)).toEqual({ step: 15, kind: "evaluation", accuracy: 0.15 });
});

describe("resume", () => {
  test.each<[string, TinyOptions]>([
    ["one batch", {}],
    ["three micro-batches", { accumulate: 3 }],
    ["Muon", { optimizer: "muon" }],
  ])("gives bit-identical losses and parameters (%s)", async (_, tiny) => {
    const whole = await run({}, tiny);
    await run({ folder, totalSteps: 5 }, tiny);
    const resumed = await run({ folder }, tiny);
    expect(resumed.losses).toEqual(whole.losses);
    expect(resumed.weight).toEqual(whole.weight);
    for (const { name } of whole.trainer.stateTypes()) {
      expect(resumed.trainer.readState(name), name).toEqual(whole.trainer.readState(name));
    }
    expect(logged().map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test("drops logged steps after the checkpoint and a line that was cut off", async () => {
    await run({ folder, totalSteps: 4 });
    const path = join(folder, "metrics.jsonl");
    writeFileSync(path, `${readFileSync(path, "utf8")}{"step":5,"loss":99}\n{"step":6,"lo`);
    const { losses } = await run({ folder, totalSteps: 6 });
    expect(logged().map(({ loss }) => loss)).toEqual(losses.map(([, loss]) => loss));
  });

  test("evaluations are logged once each, wherever the run was cut", async () => {
    const hooks = { onEvaluate: async (step: number) => ({ at: step }) };
    const evaluated = () => logged().flatMap(({ kind, at }) => (kind === undefined ? [] : [at]));
    await run({ folder, totalSteps: 4, evaluateEvery: 4, hooks });
    expect(evaluated()).toEqual([4]);
    await run({ folder, evaluateEvery: 4, hooks });
    expect(evaluated()).toEqual([4, 8, 12]);
    expect((await run({ folder, evaluateEvery: 4, hooks })).lastEvaluation).toEqual({ at: 12 });
    expect(evaluated()).toEqual([4, 8, 12]);
  });

  test("a finished run stays as it is; a used folder is refused on request", async () => {
    const first = await run({ folder });
    const again = await run({ folder });
    expect(again.losses).toEqual(first.losses);
    await expect(run({ folder, resume: false })).rejects.toMatchObject({ code: "FOLDER_IN_USE" });
  });
});

test.each(["training.json", "optimizer.safetensors"])("a checkpoint without %s is no dead end", async (file) => {
  await run({ folder, checkpointEvery: 4, totalSteps: 8 });
  const [four, eight] = [join(folder, "checkpoint-4"), join(folder, "checkpoint-8")];
  rmSync(join(eight, file));
  await expect(run({ folder })).rejects.toThrow(
    `or delete ${eight}: resumed, the run then goes on from the one before it, of step 4`,
  );
  rmSync(eight, { recursive: true });
  expect((await run({ folder })).losses).toEqual((await run()).losses);
  rmSync(join(folder, "checkpoint-12"), { recursive: true });
  rmSync(join(four, file));
  await expect(run({ folder })).rejects.toThrow(`delete ${four}: resumed, the run then goes on from its start`);
});

test("keeps the last checkpoints only, and removes what dead processes left", async () => {
  const dead = join(folder, "checkpoint-3.tmp-999999999-abcd1234");
  writeFileSync(dead, "");
  await run({ folder, checkpointEvery: 2, keepCheckpoints: 2, totalSteps: 9 });
  expect(readdirSync(folder).sort()).toEqual(["checkpoint-8", "checkpoint-9", "metrics.jsonl"]);
  expect(await readManifest(join(folder, "checkpoint-9"))).toMatchObject({
    step: 9,
    position: 9,
    schedule: tinySchedule,
    config: { optimizer: { name: "adamw", beta1: 0.9 }, seed: 11 },
  });
});

test("an abort ends after the running step, saves first, and the run goes on later as if nothing had been", async () => {
  const whole = await run();
  const controller = new AbortController();
  const hooks = { onStep: ({ step }: { step: number }) => step === 7 && controller.abort() };
  const stopped = await run({ folder, signal: controller.signal, hooks: hooks as never });
  expect(stopped).toMatchObject({ reason: "interrupted", step: 7, lastEvaluation: undefined });
  expect(readdirSync(folder)).toContain("checkpoint-7");
  expect((await run({ folder })).losses).toEqual(whole.losses);
});

test("the end of the data ends the run; an incomplete group of micro-batches is dropped", async () => {
  const seven: BatchSource = function* (from) {
    let left = 7;
    for (const batch of tinyData(from) as Iterable<never>) {
      if (left-- === 0) return;
      yield batch;
    }
  };
  expect(await run({ data: seven })).toMatchObject({ reason: "end of data", step: 7 });
  expect(await run({ data: seven }, { accumulate: 3 })).toMatchObject({ reason: "end of data", step: 2 });
});

test("NaN stops the run, naming the step and the checkpoint to go back to", async () => {
  const poisoned: BatchSource = async function* (from) {
    for (const batch of tinyData(from) as Iterable<{ inputs: { x: never; y: never }; position: number }>) {
      const y = batch.position === 6 ? hostTensor("float32", [8, 1], new Float32Array(8).fill(Number.NaN)) : undefined;
      yield { ...batch, inputs: { ...batch.inputs, ...(y && { y }) } };
    }
  };
  const failing = run({ folder, data: poisoned, checkpointEvery: 2 });
  await expect(failing).rejects.toMatchObject({ code: "NOT_FINITE", details: { step: 6, inputs: ["y"] } });
  await expect(failing).rejects.toThrow(/^step 6: .*\n.*last good checkpoint is .*checkpoint-4 \(step 4\)/);
  await expect(run({ data: poisoned })).rejects.toThrow(/no checkpoint has been written/);
  // What is on disk is sound: with clean data the run goes on.
  expect((await run({ folder })).losses).toEqual((await run()).losses);
});

test("micro-batches of unequal shapes are refused", () => {
  const batch = (rows: number) => ({
    inputs: { x: hostTensor("float32", [rows], new Float32Array(rows)) },
    position: 0,
  });
  expect(() => stackBatches([batch(2), batch(3)])).toThrow(/float32\[2\] in the first micro-batch and float32\[3\]/);
});
