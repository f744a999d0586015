/** A schedule from a run's few numbers: every schedule gets those of its options that a run knows. */

import { pick } from "../../support/suggest.ts";
import type { ScheduleConfig, ScheduleName } from "../schedules/index.ts";
import { createSchedule } from "../schedules/index.ts";
import type { NamedOptions } from "./setting.ts";

export interface RunRates {
  readonly learningRate: number;
  readonly minimumLearningRate: number;
  readonly warmupSteps: number;
  /** In all, warm-up included. */
  readonly steps: number;
}

type Defaults = (rates: RunRates) => Readonly<Record<string, number>>;

const peak: Defaults = ({ learningRate, warmupSteps }) => ({ learningRate, warmupSteps });
const floored: Defaults = (rates) => ({ ...peak(rates), minimumLearningRate: rates.minimumLearningRate });
const whole: Defaults = (rates) => ({ ...floored(rates), totalSteps: rates.steps });
const rest = ({ steps, warmupSteps }: RunRates): number => Math.max(1, steps - warmupSteps);
const glm: Defaults = (rates) => ({
  ...peak(rates),
  decaySteps: rest(rates),
  decayRatio: rates.minimumLearningRate / rates.learningRate,
});

/** A schedule without defaults here does not compile. */
const defaults: { readonly [K in ScheduleName]: Defaults } = {
  constant: peak,
  linear: whole,
  polynomial: whole,
  cosine: whole,
  // Three cycles
  cosine_with_restarts: (rates) => ({ ...floored(rates), cycleSteps: Math.ceil(rest(rates) / 3) }),
  // Down to the floor, or a hundredth, at the end
  exponential: (rates) => ({
    ...floored(rates),
    decayFactor: Math.max(0.01, rates.minimumLearningRate / rates.learningRate) ** (1 / rest(rates)),
  }),
  // Three stairs of a third each
  step: (rates) => ({ ...floored(rates), decayFactor: 1 / 3, stepSize: Math.ceil(rest(rates) / 3) }),
  one_cycle: ({ learningRate, steps }) => ({ learningRate, totalSteps: steps }),
  inverse_sqrt: (rates) => ({ ...peak(rates), warmupSteps: Math.max(1, rates.warmupSteps) }),
  // A fifth of the run decays
  wsd: (rates) => {
    const decaySteps = Math.max(1, Math.round(0.2 * rest(rates)));
    return { ...floored(rates), decaySteps, stableSteps: Math.max(0, rest(rates) - decaySteps) };
  },
  glm_cosine: glm,
  glm_linear: glm,
};

/**
 * The full configuration of a run's schedule; options given win.
 * @throws CongError `UNKNOWN_NAME` for another name or option, `BAD_ARGUMENT` for a value that does not fit
 */
export function scheduleOfRun({ name, ...options }: NamedOptions, rates: RunRates): ScheduleConfig {
  const own = pick<Defaults>("learning-rate schedule", defaults, name);
  const config = { name, ...own(rates), ...options } as ScheduleConfig;
  createSchedule(config);
  return config;
}
