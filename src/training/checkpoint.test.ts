/** Checkpoints that do not fit or are damaged: clear errors, and a trainer left as it was. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { toNumbers } from "../engine/index.ts";
import { openSafetensors } from "../formats/index.ts";
import type { CongError } from "../support/errors.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { findCheckpoints } from "./checkpoint-folder.ts";
import { type TinyOptions, tinyData, tinyTrainer } from "./tiny-run.fixture.ts";
import type { Trainer } from "./trainer.ts";

let folder = "";
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "congling-checkpoint-")), "checkpoint-3");
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

const everything = (trainer: Trainer) =>
  Object.fromEntries(trainer.stateTypes().map(({ name }) => [name, toNumbers(trainer.readState(name))]));

async function trained(tiny: TinyOptions = {}) {
  const trainer = await tinyTrainer(tiny);
  let left = 3;
  for await (const { inputs } of tinyData(undefined)) {
    if (left-- === 0) break;
    await trainer.run(inputs, 0.05);
  }
  return trainer;
}

async function saved() {
  const trainer = await trained();
  await saveCheckpoint(folder, trainer, { step: 3, position: { shard: 1 }, schedule: null, losses: [[3, 0.5]] });
  return trainer;
}

async function refusal(tiny: TinyOptions = {}): Promise<CongError> {
  const trainer = await tinyTrainer(tiny);
  const before = everything(trainer);
  const error = await loadCheckpoint(folder, trainer).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(everything(trainer)).toEqual(before);
  return error as CongError;
}

test("gives the whole state back, bit for bit, with what the run noted", async () => {
  const trainer = await saved();
  const fresh = await tinyTrainer();
  expect(everything(fresh)).not.toEqual(everything(trainer));
  const manifest = await loadCheckpoint(folder, fresh);
  expect(everything(fresh)).toEqual(everything(trainer));
  expect(manifest).toMatchObject({ step: 3, position: { shard: 1 }, losses: [[3, 0.5]] });
});

test("model.safetensors holds the parameters under their plain paths", async () => {
  const trainer = await saved();
  const file = await openSafetensors(join(folder, "model.safetensors"));
  expect([...file.names].sort()).toEqual(["first.weight", "second.weight"]);
  expect([...(await file.readAsFloat32("second.weight"))]).toEqual(toNumbers(trainer.readState("model.second.weight")));
  await file.close();
});

test("a checkpoint of another model lists the tensors that differ", async () => {
  await saved();
  const error = await refusal({ hidden: 7 });
  expect(error.code).toBe("OTHER_MODEL");
  expect(error.message).toMatch(/8 differences to the 10 state tensors/);
  expect(error.message).toContain("first.weight is F32 [6, 4], wanted F32 [7, 4]");
});

test("so does one of another optimizer", async () => {
  await saved();
  const error = await refusal({ optimizer: "muon" });
  expect(error.code).toBe("OTHER_MODEL");
  expect(error.message).toContain("optimizer.first.first.weight is only in the checkpoint");
  expect(error.message).toContain("optimizer.momentum.first.weight (F32 [6, 4]) is not in the checkpoint");
});

test.each(["model.safetensors", "optimizer.safetensors", "training.json"])("%s cut off is noticed", async (file) => {
  await saved();
  truncateSync(join(folder, file), readFileSync(join(folder, file)).length - 9);
  const error = await refusal();
  expect(error.code).toBe("BAD_CHECKPOINT");
  expect(error.message).toContain(`${join(folder, file)} is missing, cut off or damaged`);
  expect(error.hint).toMatch(/nothing was loaded/);
});

test("a missing file, a missing folder and a newer version are told apart", async () => {
  expect((await refusal()).code).toBe("PATH_NOT_FOUND");
  await saved();
  const path = join(folder, "training.json");
  writeFileSync(path, readFileSync(path, "utf8").replace('"version": 1', '"version": 2'));
  expect((await refusal()).message).toMatch(/version 2, wanted "congling-training" version 1/);
  await saved();
  rmSync(join(folder, "ema.safetensors"));
  expect((await refusal()).message).toMatch(/ema.safetensors is missing/);
});

test("finds checkpoints by step, also one that a kill left between two renames", async () => {
  await saved();
  const run = join(folder, "..");
  renameSync(folder, join(run, "checkpoint-10"));
  mkdirSync(join(run, "checkpoint-9.tmp-1-aa"));
  renameSync(join(run, "checkpoint-10"), join(run, "checkpoint-10.old-1-aa"));
  mkdirSync(join(run, "checkpoint-2"));
  mkdirSync(join(run, "checkpoints"));
  expect((await findCheckpoints(run)).map(({ step }) => step)).toEqual([2, 10]);
  await loadCheckpoint(join(run, "checkpoint-10"), await tinyTrainer());
  expect(await findCheckpoints(join(run, "nothing"))).toEqual([]);
});
