import { expect, it } from "vitest";
import { createSchedule, type ScheduleName, schedules } from "../schedules/index.ts";
import { scheduleOfRun } from "./schedule-of-run.ts";

const rates = { learningRate: 1e-3, minimumLearningRate: 1e-4, warmupSteps: 10, steps: 100 };

it.each(Object.keys(schedules) as ScheduleName[])("gives %s what it needs", (name) => {
  const at = createSchedule(scheduleOfRun({ name }, rates));
  const values = Array.from({ length: 100 }, (_, n) => at(n));
  expect(Math.max(...values)).toBeCloseTo(1e-3, 6);
  expect(values.every((value) => value >= 0)).toBe(true);
});

it("ends where the run says, and lets options win", () => {
  expect(createSchedule(scheduleOfRun({ name: "cosine" }, rates))(99)).toBeLessThan(1.1e-4);
  expect(createSchedule(scheduleOfRun({ name: "exponential" }, rates))(100)).toBeCloseTo(1e-4, 8);
  expect(createSchedule(scheduleOfRun({ name: "wsd" }, rates))(81)).toBe(1e-3);
  expect(scheduleOfRun({ name: "wsd", shape: "linear", decaySteps: 5 }, rates)).toMatchObject({
    shape: "linear",
    decaySteps: 5,
  });
  expect(() => scheduleOfRun({ name: "cosine", warmup: 3 }, rates)).toThrow(/warmup/);
  expect(() => scheduleOfRun({ name: "cosin" }, rates)).toThrow(/did you mean "cosine"/);
});
