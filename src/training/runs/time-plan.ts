/**
 * How many steps fit into the minutes a run was given, everything else that it does included: what is already gone
 * (loading, compiling, the calibration itself), validations, checkpoints, and saving the result.
 *
 * The number is worked out once, before the first step, and stored with the run: a resumed run does what is left of it,
 * however long its interruption was.
 */
import { rename, rm } from "node:fs/promises";
import { saveCheckpoint } from "../checkpoint.ts";
import { checkpointPath } from "../checkpoint-folder.ts";
import type { Trainer } from "../trainer.ts";
import type { Calibration } from "./cost.ts";

/** The time of a run in seconds; undefined where it has none. */
export const secondsToFill = (minutes: number | null): number | undefined =>
  minutes === null ? undefined : 60 * minutes;

/** Says that of a number of steps and a time to fill, both given for a new run, the steps count. */
export function sayStepsCount(minutes: number | null, steps: number | null, say: (text: string) => void): void {
  if (minutes === null || steps === null) return;
  say(`training.steps is ${steps}, so minutes (${minutes}) sets nothing: leave out one of them`);
}

/** Seconds of what a run consists of. */
export interface RunCosts {
  readonly step: number;
  readonly evaluation: number;
  readonly checkpoint: number;
  /** Gone before the first step, and what saving the result will take. */
  readonly fixed: number;
}

/** Steps between validations (0: only at the end) and between checkpoints. */
export interface Intervals {
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
}

/** Seconds that a run of so many steps takes from its start to its end; both intervals end with one at the last step. */
export function secondsOf(steps: number, { evaluateEvery, checkpointEvery }: Intervals, costs: RunCosts): number {
  const evaluations = evaluateEvery === 0 ? 1 : Math.ceil(steps / evaluateEvery);
  const checkpoints = Math.ceil(steps / checkpointEvery);
  return costs.fixed + steps * costs.step + evaluations * costs.evaluation + checkpoints * costs.checkpoint;
}

/** Steps that fit into `seconds`, at least 1. The intervals may follow from the steps. */
export function stepsWithin(seconds: number, costs: RunCosts, intervalsOf: (steps: number) => Intervals): number {
  let steps = Math.floor((seconds - costs.fixed) / costs.step);
  for (;;) {
    const over = secondsOf(steps, intervalsOf(steps), costs) - seconds;
    if (steps <= 1) return 1;
    if (over <= 0) return steps;
    // Fewer steps have fewer validations, too, so this comes down to what fits from above.
    steps -= Math.max(1, Math.floor(over / (costs.step + costs.evaluation + costs.checkpoint)));
  }
}

/** The reason of a number of steps, for people. */
export const reasonOf = (minutes: number, { step, evaluation, checkpoint, fixed }: RunCosts): string =>
  `${minutes} minutes, as measured: ${step.toFixed(3)} s a step, ${evaluation.toFixed(1)} s a validation, ` +
  `${checkpoint.toFixed(1)} s a checkpoint, ${fixed.toFixed(1)} s before and after`;

export interface CostParts {
  readonly calibration: Calibration;
  readonly trainer: Trainer;
  /** One validation, as the run will do it. */
  readonly evaluate: (() => Promise<unknown>) | undefined;
  /** Folder of the run, in which a checkpoint is written and removed again; none in a dry run, which writes nothing. */
  readonly folder: string | undefined;
  /** When the run began, as `performance.now()`. */
  readonly began: number;
}

/** Measures what the run will do besides its steps. */
export async function measureCosts(parts: CostParts): Promise<RunCosts> {
  const { calibration, trainer, folder, began } = parts;
  const evaluation = parts.evaluate === undefined ? 0 : await secondsFor(parts.evaluate);
  const checkpoint = folder === undefined ? 0 : await secondsFor(() => tryCheckpoint(folder, trainer));
  // The result is smaller than a checkpoint, but comes with a tokenizer.
  const end = checkpoint + calibration.firstBatchSeconds;
  return {
    step: calibration.secondsPerStep,
    evaluation,
    checkpoint,
    fixed: (performance.now() - began) / 1000 + end,
  };
}

/** A checkpoint of the state before the first step, removed at once: a new run starts there anyway. */
async function tryCheckpoint(run: string, trainer: Trainer): Promise<void> {
  const folder = checkpointPath(run, 0);
  await saveCheckpoint(folder, trainer, { step: 0, position: null, schedule: null, losses: [] });
  // Renamed first: a kill half way must not leave something that looks like a checkpoint.
  const doomed = `${folder}.tmp-${process.pid}-0`;
  await rename(folder, doomed);
  await rm(doomed, { recursive: true, force: true });
}

async function secondsFor(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}
