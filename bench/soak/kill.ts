/**
 * Soak `kill`: the quick start's pre-training, killed (SIGKILL) twenty times at random and resumed, against the same run
 * left alone. Every loss that any of the processes ever logged, and every number of the result, must be the same.
 *
 * Moments come from a seed, not from the clock: kill n waits for a drawn step and then up to one step's time longer, so
 * that kills fall into steps, into the writing of checkpoints and, one in five, into the start of a process; and all of
 * them happen on machines of any speed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openSafetensors } from "../../src/formats/index.ts";
import { checkInteger } from "../../src/support/checks.ts";
import { CongError } from "../../src/support/errors.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import { median, type Row, say } from "../report.ts";
import type { KillRun } from "./kill-child.ts";
import { prepareQuickstart } from "./kill-data.ts";

export const killSummary =
  "the quick start's pre-training killed twenty times and resumed ends as the uninterrupted run";

/** Steps of the default form; the quick start itself does more. */
const defaultSteps = 240;
const defaultKills = 20;
const startShare = 0.2;
/** Seconds after which a process that has not come to its step is given up. */
const patience = 600;

/**
 * Options: --steps (default 240), --kills (20), --seed (0), --checkpoint (3: steps between checkpoints), --recipe (a YAML
 * file of `congling pretrain`; default the quick start's, with its own data and tokenizer), --keep FOLDER.
 */
export async function kill(options: ReadonlyMap<string, string>): Promise<Row[]> {
  const number = (name: string, otherwise: number) => Number(options.get(name) ?? otherwise);
  const [steps, kills] = [number("steps", defaultSteps), number("kills", defaultKills)];
  const [seed, checkpoint] = [number("seed", 0), number("checkpoint", 3)];
  checkInteger("kill", { steps, kills, checkpoint }, { min: 1 });
  checkInteger("kill", { seed }, { min: 0 });
  const kept = options.get("keep");
  if (kept !== undefined && existsSync(kept) && readdirSync(kept).length > 0) {
    const hint = "give a new folder to --keep: runs that are there already would be gone on with";
    throw new CongError("FOLDER_IN_USE", `${kept} is not empty`, { folder: kept }, hint);
  }
  const folder = kept ?? mkdtempSync(join(tmpdir(), "congling-kill-"));
  try {
    const recipe = options.get("recipe");
    const base = recipe === undefined ? await prepareQuickstart(folder) : { recipe, changes: {} };
    const runOf = (name: string): KillRun => ({
      recipe: base.recipe,
      changes: { ...base.changes, steps, "checkpoint.every": checkpoint, out: join(folder, name) },
    });
    const [alone, killed] = [runOf("alone"), runOf("killed")];
    const began = performance.now();
    say(`${steps} steps without interruption …`);
    await finish(alone);
    const aloneSeconds = (performance.now() - began) / 1000;
    const reference = lossesOf(alone);
    const check = createComparison(reference);
    const plan = killPlan(kills, steps, stepMilliseconds(alone), createRandom(seed));
    const resumed: number[] = [];
    for (const [i, moment] of plan.entries()) {
      await killAt(killed, moment, steps);
      const losses = lossesOf(killed);
      check.take(losses, resumed.at(-1) ?? 0);
      resumed.push(newestCheckpoint(killed));
      say(`kill ${i + 1} of ${kills}: ${losses.size} steps done, goes on from ${resumed.at(-1)}`);
    }
    await finish(killed);
    check.take(lossesOf(killed), resumed.at(-1) ?? 0);
    const numbers = await largestNumberDifference(alone, killed);
    const leftovers = leftoversOf(alone, killed);
    const { compared, largest } = check.result();
    const isComplete = lossesOf(killed).size === reference.size && reference.size === steps;
    return [
      {
        ...{ steps, kills: plan.length, resumedFrom: resumed.join(" "), lossesCompared: compared },
        ...{ largestLossDifference: largest, numbersCompared: numbers.compared },
        ...{ largestNumberDifference: numbers.largest, leftovers: leftovers.length },
        ...(leftovers.length === 0 ? {} : { leftoverNames: leftovers.join(" ") }),
        ...{ aloneSeconds, seconds: (performance.now() - began) / 1000 },
        passed: isComplete && largest === 0 && numbers.largest === 0 && leftovers.length === 0,
      },
    ];
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** A moment to kill at: so many milliseconds after the start of the process, or after it has done a step. */
export interface Moment {
  /** Step of the whole run that must be done; undefined: counted from the start. */
  readonly step: number | undefined;
  readonly milliseconds: number;
}

/**
 * Draws the moments, in the order in which a run comes to them.
 * @param stepMilliseconds how long a step takes here, about
 */
export function killPlan(kills: number, steps: number, stepMilliseconds: number, random: Random): Moment[] {
  // Without the last tenth: a run that is done cannot be killed any more.
  const last = Math.max(1, steps - Math.max(2, Math.ceil(steps / 10)));
  const drawn = Array.from({ length: kills }, () => 1 + random.integer(last));
  return drawn
    .sort((a, b) => a - b)
    .map((step) =>
      random.uniform() < startShare
        ? { step: undefined, milliseconds: 3000 * random.uniform() }
        : { step, milliseconds: stepMilliseconds * random.uniform() },
    );
}

/** A process that trains; its standard output has a line for every step, such as "… 7/120 …" (`Progress`). */
function start(run: KillRun): ChildProcess {
  const program = fileURLToPath(new URL("./kill-child.js", import.meta.url)); // compiled, as this file is
  return spawn(process.execPath, [program, JSON.stringify(run)], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Lets a process run to its end. */
async function finish(run: KillRun): Promise<void> {
  const child = start(run);
  child.stdout!.resume();
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  if (status !== 0) throw failed(`ended with status ${status}`);
}

/** Starts a process and kills it at a moment; the moment has come when this process has itself done the step. */
async function killAt(run: KillRun, { step, milliseconds }: Moment, steps: number): Promise<void> {
  const child = start(run);
  const over = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const reached = new Promise<void>((resolve) => {
    child.stdout!.on("data", (bytes: Buffer) => {
      for (const [, done, left] of bytes.toString().matchAll(/ (\d+)\/(\d+) /g)) {
        if (step !== undefined && steps - Number(left) + Number(done) >= step) resolve();
      }
    });
    if (step === undefined) resolve();
  });
  const isOver = over.then(() => true);
  const late = wait(1000 * patience, true, { ref: false });
  if (await Promise.race([isOver, late, reached.then(() => false)])) {
    child.kill("SIGKILL");
    throw failed(`was over, or silent for ${patience} s, before step ${step}`);
  }
  if (await Promise.race([isOver, wait(milliseconds, false)])) throw failed("was over before it could be killed");
  child.kill("SIGKILL");
  await over;
}

const failed = (what: string): CongError =>
  new CongError("SOAK_FAILED", `the training process ${what}`, {}, "its messages stand above");

interface StepLine {
  readonly step: number;
  readonly loss: number;
  readonly seconds: number;
  readonly kind?: string;
}

/** The steps that a run has logged; a last line that a kill cut off is none yet. */
function stepsOf(run: KillRun): StepLine[] {
  const path = fileOf(run, "metrics.jsonl");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => JSON.parse(line) as StepLine).filter(({ kind }) => kind === undefined);
}

const lossesOf = (run: KillRun): Map<number, number> => new Map(stepsOf(run).map(({ step, loss }) => [step, loss]));

const stepMilliseconds = (run: KillRun): number => 1000 * median(stepsOf(run).map(({ seconds }) => seconds));

/** Compares losses with those of the run left alone: also those that a kill took back and a later process logs again. */
function createComparison(reference: ReadonlyMap<number, number>) {
  let [compared, largest] = [0, 0];
  return {
    /** @param from steps that were done before, and compared then */
    take(losses: ReadonlyMap<number, number>, from: number): void {
      for (const [step, loss] of losses) {
        if (step <= from) continue;
        compared++;
        const difference = Math.abs(loss - (reference.get(step) ?? Number.NaN));
        largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
      }
    },
    result: () => ({ compared, largest }),
  };
}

/** Steps of the newest checkpoint; 0 without one. */
function newestCheckpoint({ changes: { out } }: KillRun): number {
  const names = existsSync(String(out)) ? readdirSync(String(out)) : [];
  return Math.max(0, ...names.flatMap((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? 0)));
}

/** Every number of every safetensors file of both runs: the model, and the last checkpoints with the optimizer's moments. */
async function largestNumberDifference(alone: KillRun, killed: KillRun) {
  let [compared, largest] = [0, 0];
  for (const name of namesOf(alone).filter((each) => each.endsWith(".safetensors"))) {
    const [wanted, got] = [await openSafetensors(fileOf(alone, name)), await openSafetensors(fileOf(killed, name))];
    try {
      for (const tensor of wanted.names) {
        const [a, b] = [await wanted.readAsFloat32(tensor), await got.readAsFloat32(tensor)];
        compared += a.length;
        for (let i = 0; i < a.length; i++) {
          const difference = Math.abs(a[i]! - b[i]!);
          if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
        }
      }
    } finally {
      await wanted.close();
      await got.close();
    }
  }
  return { compared, largest };
}

const fileOf = ({ changes: { out } }: KillRun, name: string): string => join(String(out), name);

/** Files of a run, by their path in its folder. Each start of a process opens an event file of its own. */
const namesOf = ({ changes: { out } }: KillRun): string[] =>
  readdirSync(String(out), { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith("events.out.tfevents."))
    .sort();

/** What the killed run has in its folder and the run left alone has not. */
function leftoversOf(alone: KillRun, killed: KillRun): string[] {
  const wanted = new Set(namesOf(alone));
  return namesOf(killed).filter((name) => !wanted.has(name));
}
