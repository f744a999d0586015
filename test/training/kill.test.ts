/**
 * kill -9 for real: a training process that writes a checkpoint after every step is killed again and again at random
 * moments, and in the end has logged exactly the losses of a run that nobody disturbed. Then the same with a disk that
 * is too small, and with Ctrl-C.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandom } from "../../src/support/random.ts";
import { loadCheckpoint, readManifest } from "../../src/training/index.ts";
import { tinyTrainer } from "../../src/training/tiny-run.fixture.ts";
import { compilePrograms } from "../compile-programs.fixture.ts";

const steps = 40;
const files = ["ema.safetensors", "model.safetensors", "optimizer.safetensors", "training.json"];
let work = "";
let script = "";

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "congling-kill-"));
  script = compilePrograms(["test/training/killed-run.ts"], join(work, "js"))[0]!;
}, 120_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

const start = (folder: string): ChildProcess =>
  spawn(process.execPath, [script, folder, String(steps)], { stdio: ["ignore", "pipe", "inherit"] });

/** Losses by step as they were logged: the text, so that equal means bit-identical. */
function losses(folder: string): string[] {
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) => {
    const { step, loss } = JSON.parse(line) as { step: number; loss: number };
    return `${step} ${loss}`;
  });
}

/** Runs until `after` steps of this process are done, then `delay` milliseconds more, then sends the signal. */
function runAndSignal(folder: string, after: number, delay: number, signal: NodeJS.Signals): Promise<string> {
  const child = start(folder);
  let output = "";
  let seen = 0;
  child.stdout!.on("data", (bytes: Buffer) => {
    output += bytes.toString();
    const before = seen;
    seen = output.split("\n").length - 1;
    if (before < after && seen >= after) setTimeout(() => child.kill(signal), delay);
  });
  return new Promise((resolve) => child.on("close", () => resolve(output)));
}

async function finish(folder: string): Promise<string> {
  const output = await runAndSignal(folder, Number.POSITIVE_INFINITY, 0, "SIGTERM");
  return output.trim().split("\n").at(-1)!;
}

test("killed at random moments, the run ends with the losses of an undisturbed one", async () => {
  const undisturbed = join(work, "undisturbed");
  expect(await finish(undisturbed)).toBe("done");
  const wanted = losses(undisturbed);
  expect(wanted.length).toBe(steps);

  const folder = join(work, "killed");
  const random = createRandom(20);
  let kills = 0;
  let reached = 0;
  for (let i = 0; i < 10; i++) {
    const output = await runAndSignal(folder, 1 + random.integer(3), random.uniform() * 20, "SIGKILL");
    if (output.includes("done")) break;
    kills++;
    // Whatever looks like a checkpoint is a complete one, and the newest is never lost.
    const found = readdirSync(folder).filter((name) => /^checkpoint-\d+$/.test(name));
    for (const name of found) {
      expect(readdirSync(join(folder, name)).sort()).toEqual(files);
      expect((await readManifest(join(folder, name))).step).toBe(Number(name.slice(11)));
    }
    const newest = Math.max(0, ...found.map((name) => Number(name.slice(11))));
    expect(newest).toBeGreaterThanOrEqual(reached);
    reached = newest;
  }
  expect(kills).toBeGreaterThan(0);
  expect(await finish(folder)).toBe("done");
  expect(losses(folder)).toEqual(wanted);
  expect(readdirSync(folder).sort()).toEqual([38, 39, 40].map((step) => `checkpoint-${step}`).concat("metrics.jsonl"));
});

test.skipIf(process.platform === "win32")("Ctrl-C saves the running step, and the run goes on from there", async () => {
  const folder = join(work, "interrupted");
  const output = await runAndSignal(folder, 3, 0, "SIGINT");
  const lines = output.trim().split("\n");
  expect(lines.at(-1)).toBe("interrupted");
  const step = Number(lines.at(-2));
  expect(readdirSync(folder)).toContain(`checkpoint-${step}`);
  expect(losses(folder).length).toBe(step);
  expect(await finish(folder)).toBe("done");
  expect(losses(folder)).toEqual(losses(join(work, "undisturbed")));
});

// A real limit of the operating system (EFBIG): 8 blocks are 4 or 8 kB, depending on the shell; the optimizer has 10.
test.skipIf(process.platform === "win32")("a full disk ends the run and leaves the last checkpoint sound", async () => {
  const folder = join(work, "full");
  await runAndSignal(folder, 2, 0, "SIGINT");
  const before = readdirSync(folder).sort();
  const command = `ulimit -f 8; exec "${process.execPath}" "${script}" "${folder}" ${steps}`;
  const limited = spawnSync("sh", ["-c", command], { encoding: "utf8" });
  expect(limited.status).not.toBe(0);
  expect(limited.stderr).toMatch(/DISK_FULL/);
  expect(readdirSync(folder).sort()).toEqual(before);
  const last = before.filter((name) => name.startsWith("checkpoint-")).at(-1)!;
  const trainer = await tinyTrainer({ hidden: 256 });
  expect((await loadCheckpoint(join(folder, last), trainer)).step).toBe(Number(last.slice(11)));
  expect(await finish(folder)).toBe("done");
  expect(losses(folder)).toEqual(losses(join(work, "undisturbed")));
});
