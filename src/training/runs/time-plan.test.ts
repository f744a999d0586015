import { expect, it } from "vitest";
import { usualCheckpoints, usualEvaluations, usualWarmup } from "./depth-plan.ts";
import { type RunCosts, sayStepsCount, secondsOf, stepsWithin } from "./time-plan.ts";

const intervalsOf = (steps: number) => ({
  evaluateEvery: usualEvaluations(steps, 2),
  checkpointEvery: usualCheckpoints(steps),
});

it("adds up steps, validations, checkpoints and what is before and after", () => {
  const costs: RunCosts = { step: 1, evaluation: 10, checkpoint: 100, fixed: 1000 };
  const intervals = { evaluateEvery: 4, checkpointEvery: 5 };
  // Validations after 4, 8 and 10 steps, checkpoints after 5 and 10.
  expect(secondsOf(10, intervals, costs)).toBe(1000 + 10 + 30 + 200);
  // Only at the end.
  expect(secondsOf(10, { evaluateEvery: 0, checkpointEvery: 20 }, costs)).toBe(1000 + 10 + 10 + 100);
});

it.each<[seconds: number, costs: RunCosts]>([
  [60, { step: 0.01, evaluation: 0.2, checkpoint: 0.1, fixed: 5 }],
  [3600, { step: 0.5, evaluation: 12, checkpoint: 3, fixed: 40 }],
  [600, { step: 2, evaluation: 30, checkpoint: 0, fixed: 20 }],
])("fills %d seconds, and no more", (seconds, costs) => {
  const steps = stepsWithin(seconds, costs, intervalsOf);
  const filled = secondsOf(steps, intervalsOf(steps), costs);
  expect(filled).toBeLessThanOrEqual(seconds);
  // The best of all numbers of steps is at most a few steps away.
  const fitting = Array.from({ length: Math.ceil(seconds / costs.step) }, (_, i) => i + 1).filter(
    (count) => secondsOf(count, intervalsOf(count), costs) <= seconds,
  );
  expect(steps).toBeGreaterThanOrEqual(0.98 * fitting.at(-1)!);
});

it("makes one step where there is no time for any", () => {
  const costs = { step: 1, evaluation: 1, checkpoint: 1, fixed: 30 };
  expect(stepsWithin(20, costs, intervalsOf)).toBe(1);
  expect(stepsWithin(31, costs, intervalsOf)).toBe(1);
});

it("says so where steps and minutes are both given", () => {
  const said: string[] = [];
  sayStepsCount(5, null, (text) => said.push(text));
  sayStepsCount(null, 8, (text) => said.push(text));
  expect(said).toEqual([]);
  sayStepsCount(5, 8, (text) => said.push(text));
  expect(said.join()).toContain("training.steps is 8, so minutes (5) sets nothing");
});

it("gives a warm-up its true reason", () => {
  expect(usualWarmup(8, 5)).toEqual({ value: 5, why: "at least 5 steps" });
  expect(usualWarmup(4, 5)).toEqual({ value: 3, why: "all steps but one: the run is short" });
  expect(usualWarmup(1000, 5)).toEqual({ value: 30, why: "3 % of the steps" });
});
