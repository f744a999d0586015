/**
 * Learning-rate schedules against the values PyTorch and Hugging Face transformers gave (60 steps each, base rate 0.1):
 * lr-schedules.json.
 */
import { readFileSync } from "node:fs";
import { CongError } from "../../src/support/index.ts";
import { createSchedule, type ScheduleConfig } from "../../src/training/schedules/index.ts";
import type { Quantity } from "./quantity.ts";

const learningRate = 0.1;
const tolerance = 1e-9;

/** How each recorded schedule is written here. */
export const scheduleConfigs: Readonly<Record<string, ScheduleConfig>> = {
  constant: { name: "constant", learningRate },
  "exponential_0.95": { name: "exponential", learningRate, decayFactor: 0.95 },
  "step_20_0.5": { name: "step", learningRate, stepSize: 20, decayFactor: 0.5 },
  "cosine_T50_min0.01": {
    name: "cosine",
    learningRate,
    totalSteps: 50,
    minimumLearningRate: 0.01,
    afterEnd: "rise",
  },
  cosine_restarts_T10_mult2: { name: "cosine_with_restarts", learningRate, cycleSteps: 10, cycleMultiplier: 2 },
  polynomial_T50_p2: { name: "polynomial", learningRate, totalSteps: 50, power: 2 },
  "onecycle_max0.1_T60": { name: "one_cycle", learningRate, totalSteps: 61 },
  hf_cosine_w10_T60: { name: "cosine", learningRate, totalSteps: 60, warmupSteps: 10 },
  hf_linear_w10_T60: { name: "linear", learningRate, totalSteps: 60, warmupSteps: 10 },
  hf_inverse_sqrt_w10: { name: "inverse_sqrt", learningRate, warmupSteps: 10 },
  hf_wsd_w10_s30_d20: { name: "wsd", learningRate, warmupSteps: 10, stableSteps: 30, decaySteps: 20 },
};

/** Recorded rates by schedule. */
export const readSchedules = (path: string): Record<string, number[]> =>
  (JSON.parse(readFileSync(path, "utf8")) as { readonly schedules: Record<string, number[]> }).schedules;

/** Largest relative error over the recorded steps. */
export function scheduleError(config: ScheduleConfig, rates: readonly number[]): number {
  const schedule = createSchedule(config);
  return Math.max(...rates.map((rate, step) => Math.abs(schedule(step) - rate) / (Math.abs(rate) || 1)));
}

export function* checkSchedules(path: string): Iterable<Quantity> {
  for (const [name, rates] of Object.entries(readSchedules(path))) {
    const config = scheduleConfigs[name];
    if (config === undefined) throw unknownSchedule(name);
    yield { name: `${name} (${rates.length} steps)`, error: scheduleError(config, rates), tolerance };
  }
}

const unknownSchedule = (name: string): CongError =>
  new CongError(
    "UNKNOWN_NAME",
    `the file records a schedule "${name}" which nothing here is compared with`,
    { name },
    "add its configuration to tools/golden/schedules.ts",
  );
