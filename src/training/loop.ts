/**
 * The training loop, the only one: batches in, updates, metrics, evaluations, checkpoints, resume, a clean stop.
 *
 * Everything that differs between kinds of training is in the step (loss, optimizer) and the data; what should happen
 * besides goes into hooks. A resumed run has bit-identical losses: the whole state is in the checkpoint, the learning
 * rate is a function of the step, and the data continue from the position of the last batch used.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { checkInteger } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import { Progress, type ProgressOptions } from "../support/progress.ts";
import { type Batch, type BatchSource, readBatches } from "./batches.ts";
import { type Json, loadCheckpoint, type Manifest, saveCheckpoint } from "./checkpoint.ts";
import { checkpointPath, findCheckpoints, pruneCheckpoints, removeLeftovers } from "./checkpoint-folder.ts";
import { openMetricsLog } from "./metrics-log.ts";
import { createSchedule, type ScheduleConfig } from "./schedules/index.ts";
import type { StepResult, Trainer } from "./trainer.ts";

/** What one step reports, on every line of metrics.jsonl. */
export interface StepRecord extends StepResult {
  /** Steps done, this one included. */
  readonly step: number;
  readonly learningRate: number;
  readonly tokens: number;
  readonly seconds: number;
}

export interface TrainHooks {
  readonly onStep?: (record: StepRecord) => void | Promise<void>;
  /** Called every `evaluateEvery` steps and after the last; what it returns is logged. */
  readonly onEvaluate?: (step: number) => Promise<Readonly<Record<string, number>>>;
  readonly onCheckpoint?: (folder: string, step: number) => void | Promise<void>;
}

export interface TrainOptions {
  /** A compiled step; stays the caller's, who disposes it. */
  readonly trainer: Trainer;
  readonly data: BatchSource;
  /** Gives step n (0 for the first) its learning rate. */
  readonly schedule: ScheduleConfig;
  /** Steps in all, those before a resume included. */
  readonly totalSteps: number;
  /** Folder of the run, for metrics.jsonl and checkpoints; default none: nothing is written. */
  readonly folder?: string;
  /** Continue the last checkpoint in `folder`; default true. With false, a folder with checkpoints is refused. */
  readonly resume?: boolean;
  /** Steps between checkpoints; default 1000. There is always one at the end. */
  readonly checkpointEvery?: number;
  /** Checkpoints kept; default 3. */
  readonly keepCheckpoints?: number;
  /** Steps between evaluations; default 0, at the end only. */
  readonly evaluateEvery?: number;
  readonly hooks?: TrainHooks;
  /** Stops after the running step and saves a checkpoint; see `interruptSignal`. */
  readonly signal?: AbortSignal;
  readonly progress?: ProgressOptions;
}

export interface TrainResult {
  /** Why it ended: all steps done, out of data, or stopped by the signal. */
  readonly reason: "done" | "end of data" | "interrupted";
  readonly step: number;
  /** The last 100 losses, oldest first. */
  readonly losses: readonly (readonly [step: number, loss: number])[];
  readonly lastEvaluation: Readonly<Record<string, number>> | undefined;
}

const keptLosses = 100;

/**
 * Trains until `totalSteps`, the end of the data, or the signal.
 * @throws CongError `NOT_FINITE` naming step, tensors and the last good checkpoint; errors of checkpoints and data
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { trainer, totalSteps, folder, hooks = {}, signal } = options;
  const { checkpointEvery = 1000, keepCheckpoints = 3, evaluateEvery = 0 } = options;
  checkInteger("train", { totalSteps, checkpointEvery, keepCheckpoints }, { min: 1 });
  checkInteger("train", { evaluateEvery }, { min: 0 });
  const learningRateAt = createSchedule(options.schedule);
  const resumed = folder === undefined ? undefined : await begin(folder, options.resume ?? true, trainer);
  let step = resumed?.step ?? 0;
  let position = resumed?.position ?? null;
  let saved = resumed && step;
  let lastEvaluation: TrainResult["lastEvaluation"];
  const losses = [...(resumed?.losses ?? [])];
  const log = folder === undefined ? undefined : await openMetricsLog(join(folder, "metrics.jsonl"), step);
  const data = readBatches(options.data, resumed?.position, trainer.step.accumulate);
  const start = step;
  const label = start === 0 ? "training" : `training from step ${start}`;
  const progress = new Progress({ label, unit: "step", ...options.progress, total: Math.max(0, totalSteps - start) });

  const save = async () => {
    if (folder === undefined || saved === step) return;
    const path = checkpointPath(folder, step);
    await saveCheckpoint(path, trainer, { step, position, schedule: options.schedule as unknown as Json, losses });
    saved = step;
    await pruneCheckpoints(folder, keepCheckpoints);
    await hooks.onCheckpoint?.(path, step);
  };
  const evaluate = async () => {
    lastEvaluation = await hooks.onEvaluate?.(step);
    if (lastEvaluation !== undefined) await log?.write({ step, kind: "evaluation", ...lastEvaluation });
  };
  const update = async (batch: Batch) => {
    const learningRate = learningRateAt(step);
    const from = performance.now();
    const result = await trainer.run(batch.inputs, learningRate);
    const seconds = (performance.now() - from) / 1000;
    step++;
    position = batch.position;
    losses.push([step, result.loss]);
    if (losses.length > keptLosses) losses.shift();
    const { metrics, ...rest } = result;
    const record = { step, ...rest, learningRate, tokens: batch.tokens ?? 0, seconds };
    await log?.write({ ...record, ...metrics });
    const speed = record.tokens > 0 ? { "tokens/s": Math.round(record.tokens / seconds) } : {};
    progress.update(step - start, { loss: result.loss, lr: learningRate, ...speed });
    await hooks.onStep?.({ ...record, metrics });
  };

  let reason: TrainResult["reason"] = "done";
  try {
    while (step < totalSteps) {
      // First thing in a step, after the checkpoint: a resumed run then repeats an evaluation that a kill cut short.
      if (evaluateEvery > 0 && step > 0 && step % evaluateEvery === 0 && !signal?.aborted) await evaluate();
      const batch = signal?.aborted ? undefined : await data.next();
      if (batch === undefined) {
        reason = signal?.aborted ? "interrupted" : "end of data";
        break;
      }
      await update(batch);
      // Backends compute on this thread: without a turn of the event loop, Ctrl-C would never be heard.
      await new Promise(setImmediate);
      if (step % checkpointEvery === 0) await save();
    }
    await save();
    if (reason !== "interrupted") await evaluate();
  } catch (error) {
    throw CongError.is(error) && error.code === "NOT_FINITE" ? withRescue(error, step + 1, folder, saved) : error;
  } finally {
    progress.finish();
    await data.close();
    await log?.close();
  }
  return { reason, step, losses, lastEvaluation };
}

/** Prepares the run's folder and loads its last checkpoint, if it has one and may. */
async function begin(folder: string, mayResume: boolean, trainer: Trainer): Promise<Manifest | undefined> {
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const [last, earlier] = (await findCheckpoints(folder)).reverse();
  if (last === undefined) return undefined;
  if (mayResume) {
    return loadCheckpoint(last.folder, trainer).catch((error: unknown) => {
      throw withEarlier(error, last.folder, earlier?.step);
    });
  }
  throw new CongError(
    "FOLDER_IN_USE",
    `train: ${folder} already holds a run (checkpoint of step ${last.step}) and resume is false`,
    { folder, step: last.step },
    "give another folder, set resume to true to continue it, or delete it",
  );
}

/** A damaged checkpoint is not the end of a run: what was before it is still there. */
function withEarlier(error: unknown, folder: string, earlier: number | undefined): unknown {
  // One of a newer version is sound.
  const isDamaged =
    CongError.is(error) && ["BAD_CHECKPOINT", "PATH_NOT_FOUND"].includes(error.code) && !("version" in error.details);
  if (!isDamaged) return error;
  const [what = ""] = error.message.split("\n  hint: ");
  const from =
    earlier === undefined ? "its start, as there is no earlier one" : `the one before it, of step ${earlier}`;
  const hint = `nothing was loaded; copy the folder again, or delete ${folder}: resumed, the run then goes on from ${from}`;
  return new CongError(error.code, what, error.details, hint);
}

/** Adds the step, and from where one can go on, to an error about numbers. */
function withRescue(error: CongError, step: number, folder: string | undefined, saved: number | undefined): CongError {
  const [what = ""] = error.message.split("\n  hint: ");
  const checkpoint = folder === undefined || saved === undefined ? undefined : checkpointPath(folder, saved);
  const rescue =
    checkpoint === undefined
      ? "no checkpoint has been written, so start again"
      : `the last good checkpoint is ${checkpoint} (step ${saved}); the parameters in memory are not to be used`;
  return new CongError(
    error.code,
    `step ${step}: ${what}`,
    { ...error.details, step, checkpoint },
    `${error.hint}; ${rescue}`,
  );
}
