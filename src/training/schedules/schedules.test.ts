import { describe, expect, test } from "vitest";
import { CongError } from "../../support/errors.ts";
import { createSchedule, type ScheduleConfig, schedules } from "./index.ts";

/** Expected values are worked out by hand; cos 60° = 1/2 and the like keep them short. */
interface Case {
  readonly what: string;
  readonly config: ScheduleConfig;
  readonly rates: Readonly<Record<number, number>>;
}

const cases: readonly Case[] = [
  {
    what: "warm-up begins at 0, the peak follows its last step",
    config: { name: "constant", learningRate: 8, warmupSteps: 4 },
    rates: { 0: 0, 1: 2, 3: 6, 4: 8, 5: 8, 1000000: 8 },
  },
  {
    what: "without warm-up the first step is the peak",
    config: { name: "constant", learningRate: 8 },
    rates: { 0: 8 },
  },
  {
    what: "falls in a line to the floor and stays",
    config: { name: "linear", learningRate: 10, totalSteps: 12, warmupSteps: 2, minimumLearningRate: 5 },
    rates: { 0: 0, 1: 5, 2: 10, 3: 9.5, 7: 7.5, 11: 5.5, 12: 5, 13: 5, 999: 5 },
  },
  { what: "one step in all", config: { name: "linear", learningRate: 3, totalSteps: 1 }, rates: { 0: 3, 1: 0, 2: 0 } },
  {
    what: "squares what remains",
    config: { name: "polynomial", learningRate: 100, totalSteps: 10, power: 2 },
    rates: { 0: 100, 5: 25, 9: 1, 10: 0, 11: 0 },
  },
  {
    what: "is a line by default",
    config: { name: "polynomial", learningRate: 4, totalSteps: 4 },
    rates: { 0: 4, 1: 3, 4: 0 },
  },
  {
    what: "(1 + cos)/2 at thirds: 1, 3/4, 1/4, 0; then holds",
    config: { name: "cosine", learningRate: 9, totalSteps: 5, warmupSteps: 2, minimumLearningRate: 1 },
    rates: { 0: 0, 1: 4.5, 2: 9, 3: 7, 4: 3, 5: 1, 6: 1, 8: 1 },
  },
  {
    what: "rises again when asked to",
    config: { name: "cosine", learningRate: 8, totalSteps: 3, afterEnd: "rise" },
    rates: { 0: 8, 1: 6, 2: 2, 3: 0, 4: 2, 5: 6, 6: 8 },
  },
  {
    what: "equal cycles begin again at the peak",
    config: { name: "cosine_with_restarts", learningRate: 8, cycleSteps: 3, warmupSteps: 1 },
    rates: { 0: 0, 1: 8, 2: 6, 3: 2, 4: 8, 6: 2, 7: 8, 3000001: 8 },
  },
  {
    what: "growing cycles restart at 3, 9 and 21, with lengths 3, 6 and 12",
    config: { name: "cosine_with_restarts", learningRate: 8, cycleSteps: 3, cycleMultiplier: 2 },
    rates: { 0: 8, 1: 6, 2: 2, 3: 8, 5: 6, 6: 4, 7: 2, 9: 8, 13: 6, 15: 4, 21: 8 },
  },
  {
    what: "halves every step down to the floor",
    config: { name: "exponential", learningRate: 16, decayFactor: 0.5, minimumLearningRate: 3, warmupSteps: 2 },
    rates: { 0: 0, 1: 8, 2: 16, 3: 8, 4: 4, 5: 3, 500: 3 },
  },
  {
    what: "halves in stairs",
    config: { name: "step", learningRate: 16, decayFactor: 0.5, stepSize: 10 },
    rates: { 0: 16, 9: 16, 10: 8, 19: 8, 20: 4 },
  },
  {
    // start 4, end 1; the peak at 0.5·8 − 1 = step 3; thirds of a half cosine up (1/4, 3/4), halves down to step 7.
    what: "rises to the peak, falls to the end",
    config: { name: "one_cycle", learningRate: 12, totalSteps: 8, riseFraction: 0.5, startDivisor: 3, endDivisor: 4 },
    rates: { 0: 4, 1: 6, 2: 10, 3: 12, 5: 6.5, 7: 1, 8: 1, 100: 1 },
  },
  {
    what: "in lines",
    config: {
      name: "one_cycle",
      learningRate: 10,
      totalSteps: 10,
      riseFraction: 0.5,
      startDivisor: 5,
      endDivisor: 2,
      shape: "linear",
    },
    rates: { 0: 2, 1: 4, 2: 6, 4: 10, 5: 8.2, 9: 1, 10: 1 },
  },
  {
    // The peak falls on step 0.25·4 − 1 = 0, where the formula for the rise would divide 0 by 0.
    what: "may have no rise",
    config: { name: "one_cycle", learningRate: 25, totalSteps: 4, riseFraction: 0.25, endDivisor: 1 },
    rates: { 0: 25, 1: 19, 2: 7, 3: 1, 4: 1 },
  },
  {
    what: "may rise to its very end",
    config: { name: "one_cycle", learningRate: 25, totalSteps: 3, riseFraction: 1, endDivisor: 1 },
    rates: { 0: 1, 1: 13, 2: 25, 3: 1 },
  },
  {
    what: "lr·√(w / n) after the warm-up",
    config: { name: "inverse_sqrt", learningRate: 6, warmupSteps: 4 },
    rates: { 0: 0, 2: 3, 4: 6, 9: 4, 16: 3, 36: 2 },
  },
  {
    what: "timescale 10,000 without warm-up",
    config: { name: "inverse_sqrt", learningRate: 6 },
    rates: { 0: 6, 30000: 3, 80000: 2 },
  },
  {
    what: "a chosen timescale",
    config: { name: "inverse_sqrt", learningRate: 6, warmupSteps: 2, timescale: 5 },
    rates: { 1: 3, 2: 6, 17: 3 },
  },
  {
    what: "warm-up 2, stable 3, decay 3, then the floor",
    config: { name: "wsd", learningRate: 9, warmupSteps: 2, stableSteps: 3, decaySteps: 3, minimumLearningRate: 1 },
    rates: { 0: 0, 1: 4.5, 2: 9, 4: 9, 5: 9, 6: 7, 7: 3, 8: 1, 9: 1 },
  },
  {
    what: "linear decay",
    config: { name: "wsd", learningRate: 8, stableSteps: 0, decaySteps: 4, shape: "linear" },
    rates: { 0: 8, 1: 6, 4: 0, 5: 0 },
  },
  {
    what: "1 − √p decay",
    config: { name: "wsd", learningRate: 8, stableSteps: 2, decaySteps: 4, shape: "one_minus_sqrt" },
    rates: { 1: 8, 2: 8, 3: 4, 6: 0, 7: 0 },
  },
  {
    // R = 10, N = 3, w = 2: 1·((1.5)·9/2 + 1) = 7.75 and 1·(0.5·9/2 + 1) = 3.25.
    what: "the floor comes at w + N",
    config: { name: "glm_cosine", learningRate: 10, warmupSteps: 2, decaySteps: 3, decayRatio: 0.1 },
    rates: { 0: 0, 1: 5, 2: 10, 3: 7.75, 4: 3.25, 5: 1, 6: 1 },
  },
  {
    // lr − lr·(1 − 1/R)·(n − w)/N = 10 − 9·(n − 2)/3.
    what: "the floor comes at w + N and is kept",
    config: { name: "glm_linear", learningRate: 10, warmupSteps: 2, decaySteps: 3 },
    rates: { 0: 0, 1: 5, 2: 10, 3: 7, 4: 4, 5: 1, 6: 1, 100: 1 },
  },
  {
    what: "ratio 0 falls to 0",
    config: { name: "glm_linear", learningRate: 10, decaySteps: 5, decayRatio: 0 },
    rates: { 0: 10, 1: 8, 5: 0, 6: 0 },
  },
];

describe("schedules", () => {
  test.each(cases)("$config.name: $what", ({ config, rates }) => {
    const schedule = createSchedule(config);
    for (const [step, rate] of Object.entries(rates))
      expect([step, schedule(Number(step))]).toEqual([step, near(rate)]);
  });

  test("every registered schedule has a case here", () => {
    expect(new Set(cases.map((row) => row.config.name))).toEqual(new Set(Object.keys(schedules)));
  });

  test("the rate depends on the step alone, so a resumed run goes on exactly", () => {
    for (const { config } of cases) {
      const [whole, resumed] = [createSchedule(config), createSchedule(JSON.parse(JSON.stringify(config)))];
      const rates = Array.from({ length: 30 }, (_, step) => whole(step));
      expect([29, 17, 3].map(resumed)).toEqual([29, 17, 3].map((step) => rates[step]));
    }
  });

  test.each([-1, 0.5, Number.NaN])("step %d is refused", (step) => {
    expect(() => createSchedule({ name: "constant", learningRate: 1 })(step)).toThrow(/whole number of updates/);
  });

  // Agrees with GLM's own arrangement of the formula, which the code simplifies.
  test("glm_cosine equals the formula of learning_rates.py", () => {
    const [rate, warmup, decay, ratio] = [4e-4, 75, 1200, 20];
    const schedule = createSchedule({
      name: "glm_cosine",
      learningRate: rate,
      warmupSteps: warmup,
      decaySteps: decay,
      decayRatio: 1 / ratio,
    });
    for (const n of [76, 400, 1000, 1274, 1275, 1500]) {
      const angle = Math.PI * Math.min(1, (n - warmup) / decay);
      expect(schedule(n) / ((rate / ratio) * (((Math.cos(angle) + 1) * (ratio - 1)) / 2 + 1))).toBeCloseTo(1, 12);
    }
  });
});

describe("what users can get wrong", () => {
  /** Options as they come from JSON or a command line: unchecked by the compiler. */
  const make = (name: string, options: object) => createSchedule({ name, ...options } as ScheduleConfig);

  test.each<[string, object, RegExp]>([
    ["cosnie", { learningRate: 1 }, /unknown learning-rate schedule "cosnie"[\s\S]*did you mean "cosine"/],
    ["toString", {}, /unknown learning-rate schedule/],
    ["cosine", { learningRate: 1, totalStep: 5 }, /"totalStep"[\s\S]*did you mean "totalSteps"/],
    ["cosine", { learningRate: 1 }, /cosine: needs totalSteps, a whole number, 1 or more/],
    ["linear", { totalSteps: 5 }, /needs learningRate/],
    ["constant", { learningRate: 0 }, /learningRate must be a number above 0; got 0/],
    ["constant", { learningRate: "3e-4" }, /learningRate must be a number above 0/],
    ["constant", { learningRate: Number.NaN }, /got NaN/],
    ["constant", { learningRate: 1, warmupSteps: 2.5 }, /warmupSteps must be a whole number, 0 or more; got 2.5/],
    ["linear", { learningRate: 1, totalSteps: 10, warmupSteps: 10 }, /10 warm-up steps leave nothing of 10/],
    ["cosine", { learningRate: 1, totalSteps: 9, minimumLearningRate: 2 }, /minimumLearningRate 2 is above/],
    ["cosine", { learningRate: 1, totalSteps: 9, afterEnd: "stop" }, /one of hold, rise; got stop/],
    ["exponential", { learningRate: 1, decayFactor: 1.1 }, /decayFactor must be/],
    ["step", { learningRate: 1, decayFactor: 0.5, stepSize: 0 }, /stepSize must be/],
    ["cosine_with_restarts", { learningRate: 1, cycleSteps: 10, cycleMultiplier: 1.5 }, /cycleMultiplier must be/],
    ["one_cycle", { learningRate: 1, totalSteps: 10, riseFraction: 1.5 }, /riseFraction must be a number from 0 to 1/],
    ["wsd", { learningRate: 1, stableSteps: 10, decaySteps: 0 }, /decaySteps must be/],
    ["inverse_sqrt", { learningRate: 1, warmupSteps: -4 }, /warmupSteps must be .* got -4/],
    ["glm_cosine", { learningRate: 1, decaySteps: 10, decayRatio: 10 }, /decayRatio must be a number from 0 to 1/],
  ])("%s %j", (name, options, message) => {
    expect(() => make(name, options)).toThrow(message);
    expect(() => make(name, options)).toThrow(CongError);
  });
});

function near(rate: number): unknown {
  return expect.closeTo(rate, 10);
}
