/**
 * What every kind of training command does around the loop: metrics for TensorBoard, validation, early stopping, the
 * result, the summary. Which network and which data is the caller's business.
 */
import { join } from "node:path";
import { onnxruntimeBackend } from "../../engine/backends/onnxruntime/index.ts";
import { referenceBackend } from "../../engine/backends/reference/index.ts";
import type { Backend } from "../../engine/index.ts";
import type { ProgressOptions } from "../../support/progress.ts";
import type { BatchSource } from "../batches.ts";
import { type StepRecord, train } from "../loop.ts";
import type { ScheduleConfig } from "../schedules/index.ts";
import type { Trainer } from "../trainer.ts";
import { createEarlyStop, pastEvaluations } from "./early-stop.ts";
import { openEventLog } from "./event-log.ts";
import { metricsPath, stepsDone, writeSummary } from "./run-folder.ts";

export interface RunParts {
  readonly folder: string;
  readonly trainer: Trainer;
  readonly data: BatchSource;
  readonly schedule: ScheduleConfig;
  readonly steps: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly keepCheckpoints: number;
  /** See `createEarlyStop`. */
  readonly patience: number;
  /** Figures of the model as it is now; `validLoss` decides about early stopping. */
  readonly evaluate: () => Promise<Readonly<Record<string, number>>>;
  /** Writes the result into the run's folder. */
  readonly save: () => Promise<void>;
  /** Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressOptions | undefined;
  readonly say: (text: string) => void;
}

/** What summary.json holds. */
export interface RunSummary {
  readonly reason: "done" | "end of data" | "interrupted" | "stopped early";
  readonly steps: number;
  /** Tokens of this start and how long it took, without validation. */
  readonly tokens: number;
  readonly seconds: number;
  readonly loss: number | null;
  /** Of the saved model: the last one, or with early stopping the best. */
  readonly validLoss: number | null;
}

/** Validation that decides: this field of what `evaluate` gives. */
export const decisiveField = "validLoss";

/** Runs or resumes; the trainer stays the caller's. */
export async function runTraining(parts: RunParts): Promise<RunSummary> {
  const { folder, trainer, steps, patience, say } = parts;
  const begin = await stepsDone(folder);
  const stop = createEarlyStop(patience, await pastEvaluations(metricsPath(folder), begin, decisiveField));
  const early = new AbortController();
  const signals = parts.signal === undefined ? [early.signal] : [parts.signal, early.signal];
  const events = await openEventLog(folder, begin);
  let [tokens, seconds, lastLoss] = [0, 0, Number.NaN];
  try {
    const result = await train({
      trainer,
      data: parts.data,
      schedule: parts.schedule,
      totalSteps: steps,
      folder,
      evaluateEvery: parts.evaluateEvery,
      checkpointEvery: parts.checkpointEvery,
      keepCheckpoints: parts.keepCheckpoints,
      signal: AbortSignal.any(signals),
      ...(parts.progress === undefined ? {} : { progress: parts.progress }),
      hooks: {
        async onStep(record) {
          tokens += record.tokens;
          seconds += record.seconds;
          lastLoss = record.loss;
          await events.write(record.step, stepScalars(record));
        },
        async onEvaluate(step) {
          const figures = await parts.evaluate();
          await events.write(step, prefixed("valid", figures));
          const loss = figures[decisiveField];
          if (loss === undefined) return figures;
          const { isBest, shouldStop } = stop.take(loss);
          say(`step ${step}: validation loss ${loss.toFixed(4)}${isBest ? "" : ` (best ${stop.best.toFixed(4)})`}`);
          if (patience > 0 && isBest) await parts.save();
          if (shouldStop && step < steps) early.abort();
          return figures;
        },
      },
    });
    const reason = early.signal.aborted ? "stopped early" : result.reason;
    if (reason === "stopped early") say(`no better validation in ${patience}: stopped, the best model is kept`);
    // Early stopping has saved the best model, if there was anything to judge by; a run without is kept as it ended.
    const hasBest = patience > 0 && Number.isFinite(stop.best);
    if (reason !== "interrupted" && !hasBest) await parts.save();
    const last = result.lastEvaluation?.[decisiveField];
    const summary: RunSummary = {
      reason,
      steps: result.step,
      tokens,
      seconds: Number(seconds.toFixed(3)),
      loss: Number.isFinite(lastLoss) ? lastLoss : (result.losses.at(-1)?.[1] ?? null),
      validLoss: (hasBest ? stop.best : last) ?? null,
    };
    await writeSummary(folder, summary);
    return summary;
  } finally {
    await events.close();
  }
}

const stepScalars = ({ loss, learningRate, gradientNorm, tokens, seconds, metrics }: StepRecord) => ({
  ...prefixed("train", { loss, learningRate, gradientNorm, ...metrics }),
  ...(tokens > 0 ? { "speed/tokensPerSecond": tokens / seconds } : {}),
});

const prefixed = (group: string, figures: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${group}/${name}`, value]));

/** The engine that a run's settings name. */
export const engineOf = (name: "onnxruntime" | "reference", threads: number | null): Backend =>
  name === "reference" ? referenceBackend() : onnxruntimeBackend(threads === null ? {} : { threads });

/** Folder of the trained model inside a run. */
export const modelFolder = (run: string): string => join(run, "model");
