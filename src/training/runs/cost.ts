/** What a run costs, worked out before it starts: parameters, arithmetic, memory; and time, measured on a few steps. */
import { bytesPerElement, elementCount, flattenTree, type TensorSpec } from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import { type BatchSource, readBatches } from "../batches.ts";
import type { Model } from "../objectives/token-loss.ts";
import type { Trainer } from "../trainer.ts";

export interface ParameterCounts {
  readonly all: number;
  /** Rows for tokens and positions, which are looked up, not multiplied. A tied output layer is multiplied. */
  readonly lookedUp: number;
  /** All but embeddings and the output layer. */
  readonly inner: number;
}

export function countParameters({ family, config }: Model): ParameterCounts {
  const specs: ParameterTree<TensorSpec> = family.parameters(config);
  let [all, embeddings, output] = [0, 0, 0];
  for (const [path, { shape }] of flattenTree<TensorSpec>(specs)) {
    const count = elementCount(shape as readonly number[]);
    all += count;
    if (/embed/.test(path) && path.endsWith(".weight") && shape.length === 2) embeddings += count;
    if (path === "lm_head.weight") output = count;
  }
  const isTied = output === 0;
  const table = config.vocabulary * config.hidden;
  return { all, lookedUp: isTied ? embeddings - table : embeddings, inner: all - embeddings - output };
}

/**
 * Floating-point operations of one token forward and backward: 6 for each weight that is multiplied, and for attention
 * 12·L·H·D·T (Chowdhery et al. 2022, PaLM, appendix B; a causal mask is not subtracted).
 */
export function flopsPerToken(model: Model, length: number): number {
  const { layers, heads, headSize } = model.config;
  const { all, lookedUp } = countParameters(model);
  return 6 * (all - lookedUp) + 12 * layers * heads * headSize * length;
}

/** Bytes of parameters and optimizer state, and of the gradients of what is trained. */
export function stateBytes(trainer: Trainer): { readonly state: number; readonly gradients: number } {
  const trainable = new Set(trainer.step.trainable.map((path) => `model.${path}`));
  let [state, gradients] = [0, 0];
  for (const { name, dtype, shape } of trainer.stateTypes()) {
    const bytes = elementCount(shape) * bytesPerElement(dtype);
    state += bytes;
    if (trainable.has(name)) gradients += bytes;
  }
  for (const { dtype, shape } of Object.values(trainer.step.constants)) {
    state += elementCount(shape) * bytesPerElement(dtype);
  }
  return { state, gradients };
}

export interface Calibration {
  /** Mean of the timed steps: what slows some of them down will slow down some of the run's. */
  readonly secondsPerStep: number;
  /** Opening the data and reading the first batch. */
  readonly firstBatchSeconds: number;
  readonly steps: number;
  /** Resident memory of the process after them, in bytes. */
  readonly residentBytes: number;
}

/** The first steps claim memory; they are not timed. */
const warmups = 3;
const fewestSteps = 3;
const enoughSteps = 12;

/**
 * Times real steps on real data, then puts the trainer back to its start.
 * @param secondsToFill what the run has; a hundredth of it, from 2 to 30 seconds, goes into the calibration. Default: 200.
 */
export async function calibrate(trainer: Trainer, data: BatchSource, secondsToFill = 200): Promise<Calibration> {
  const reader = readBatches(data, undefined, trainer.step.accumulate);
  const times: number[] = [];
  const began = performance.now();
  const enough = Math.min(30, Math.max(2, secondsToFill / 100));
  let firstBatchSeconds = 0;
  try {
    for (let i = 0; ; i++) {
      // Preparing the batch belongs to a step.
      const from = performance.now();
      const batch = await reader.next();
      if (batch === undefined) break;
      if (i === 0) firstBatchSeconds = (performance.now() - from) / 1000;
      await trainer.run(batch.inputs, 0);
      if (i >= warmups) times.push((performance.now() - from) / 1000);
      const seconds = (performance.now() - began) / 1000;
      if (seconds > enough && times.length >= (seconds > 3 * enough ? fewestSteps : enoughSteps)) break;
    }
  } finally {
    await reader.close();
    trainer.reset();
  }
  return {
    secondsPerStep: times.reduce((sum, time) => sum + time, 0) / times.length,
    firstBatchSeconds,
    steps: times.length,
    residentBytes: process.memoryUsage.rss(),
  };
}

/** "3.14 M", "62.7 G": three digits and a prefix of the SI. */
export function withPrefix(value: number): string {
  const prefixes = ["", " k", " M", " G", " T", " P", " E"];
  const power = value < 1000 ? 0 : Math.min(prefixes.length - 1, Math.floor(Math.log10(value) / 3));
  return `${Number((value / 1000 ** power).toPrecision(3))}${prefixes[power]}`;
}

/** "45 s", "12 min", "3.4 h". */
export function inWords(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
