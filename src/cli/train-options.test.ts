import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { pretrainSettings, sftSettings } from "../training/index.ts";
import { writeRunConfig } from "../training/runs/run-folder.ts";
import { readTrainArguments, settingsOfRun } from "./train-options.ts";

it("refuses a file that a resumed run would not read", () => {
  expect(() => readTrainArguments(["run.yaml", "--resume", "runs/base"])).toThrow(/settings of its own/);
  expect(readTrainArguments(["run.yaml", "--resume"])).toMatchObject({ file: "run.yaml", resume: true });
});

it("takes -o as the other commands do", () => {
  expect(readTrainArguments(["-o", "runs/base", "--steps", "3"])).toMatchObject({
    file: undefined,
    overrides: [
      ["out", "runs/base"],
      ["steps", "3"],
    ],
  });
});

it("says what a resumed run changes, and refuses what it would not heed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "congling-resume-"));
  try {
    const [run, file] = [join(folder, "run"), join(folder, "run.yaml")];
    await writeRunConfig(run, "pretrain", { seed: 1, out: run, training: { steps: 9, schedule: { name: "linear" } } });
    const verb = { name: "pretrain", table: pretrainSettings, defaultOut: run, withFolders: async <V>(all: V) => all };
    const settingsOf = (...args: string[]) => settingsOfRun(verb, readTrainArguments(args));
    expect(await settingsOf("--resume", run)).toMatchObject({ settings: { seed: 1, out: run }, changes: [] });
    const longer = await settingsOf("--resume", run, "--steps", "20", "--seed", "1");
    expect(longer.settings.training.steps).toBe(20);
    expect(longer.changes).toEqual([{ key: "training.steps", saved: 9, asked: 20 }]);
    await expect(settingsOf("--resume", run, "--seed", "3")).rejects.toThrow(/cannot go on with seed 1 → 3/);
    await expect(settingsOf("--resume", run, "--out", "other")).rejects.toThrow(/cannot go on with out/);
    await expect(settingsOf("--resume", run, "--minutes", "3")).rejects.toThrow(/cannot go on with minutes null → 3/);
    await writeFile(file, `seed: 1\nout: ${run}\ntraining: {steps: 9, schedule: linear}\n`);
    expect((await settingsOf(file, "--resume")).changes).toEqual([]);
    await writeFile(file, `seed: 1\nout: ${run}\ntraining: {steps: 30}\n`);
    await expect(settingsOf(file, "--resume")).rejects.toThrow(/other settings than the run.*training.steps 9 → 30/);
    // What the command line says stands in for the file.
    expect((await settingsOf(file, "--resume", "--steps", "9")).changes).toEqual([]);
    const other = { ...verb, name: "sft", table: sftSettings };
    await expect(settingsOfRun(other, readTrainArguments(["--resume", run]))).rejects.toThrow(
      /is a run of `congling pretrain`\n.*congling pretrain --resume/,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
