/** Curves of a run from its metrics.jsonl, as everybody finds them in a run's folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface RunCurve {
  readonly steps: readonly number[];
  readonly losses: readonly number[];
  readonly learningRates: readonly number[];
  /** Figures of the last validation. */
  readonly validation: Readonly<Record<string, number>>;
  /** Of the steps, without validation. */
  readonly tokensPerSecond: number;
}

type Line = Readonly<Record<string, number | string>>;

/** Reads `metrics.jsonl` of a run's folder. */
export function readCurve(folder: string): RunCurve {
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const steps = lines.filter(({ kind }) => kind === undefined);
  const column = (name: string): number[] => steps.map((line) => Number(line[name]));
  const sum = (name: string): number => column(name).reduce((total, value) => total + value, 0);
  const { step: _, kind: __, ...validation } = lines.findLast(({ kind }) => kind === "evaluation") ?? {};
  return {
    steps: column("step"),
    losses: column("loss"),
    learningRates: column("learningRate"),
    validation: validation as Readonly<Record<string, number>>,
    tokensPerSecond: sum("tokens") / sum("seconds"),
  };
}

/** The mean of each value and up to `width` − 1 before it: single batches scatter more than a run moves. */
export const smoothed = (values: readonly number[], width: number): number[] =>
  values.map((_, i) => {
    const window = values.slice(Math.max(0, i + 1 - width), i + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
