/**
 * Learning-rate schedules against the values PyTorch and Hugging Face transformers gave (60 steps each, base rate 0.1),
 * recorded in shared/golden/lr-schedules.json beside the program that made them.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createSchedule, type ScheduleConfig } from "../../src/training/schedules/index.ts";

const path = fileURLToPath(new URL("../../../shared/golden/lr-schedules.json", import.meta.url));
const isThere = existsSync(path);
const golden: Record<string, number[]> = isThere ? JSON.parse(readFileSync(path, "utf8")).schedules : {};

const learningRate = 0.1;
const configs: Record<string, ScheduleConfig> = {
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

describe.skipIf(!isThere)("schedules equal PyTorch and transformers (skipped without shared/golden)", () => {
  test("every recorded schedule is compared", () => {
    expect(Object.keys(configs).sort()).toEqual(Object.keys(golden).sort());
  });

  test.each(Object.entries(configs))("%s", (name, config) => {
    const expected = golden[name]!;
    const schedule = createSchedule(config);
    expect(expected.length).toBe(60);
    const errors = expected.map((rate, step) => Math.abs(schedule(step) - rate) / (Math.abs(rate) || 1));
    expect(Math.max(...errors)).toBeLessThan(1e-9);
  });
});
