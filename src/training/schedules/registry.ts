/** All schedules by the names people know them under, for configurations, the command line and checkpoints. */
import { pick } from "../../support/suggest.ts";
import { type ConstantOptions, constant } from "./constant.ts";
import { type CosineOptions, cosine } from "./cosine.ts";
import { type CosineWithRestartsOptions, cosineWithRestarts } from "./cosine-with-restarts.ts";
import { type ExponentialOptions, exponential, type StepOptions, step } from "./exponential.ts";
import { type GlmOptions, glmCosine, glmLinear } from "./glm.ts";
import { type InverseSqrtOptions, inverseSqrt } from "./inverse-sqrt.ts";
import { type OneCycleOptions, oneCycle } from "./one-cycle.ts";
import { type LinearOptions, linear, type PolynomialOptions, polynomial } from "./polynomial.ts";
import type { Schedule } from "./schedule.ts";
import { type WsdOptions, wsd } from "./wsd.ts";

/** Options of every schedule by its name. */
export interface ScheduleOptions {
  readonly constant: ConstantOptions;
  readonly linear: LinearOptions;
  readonly polynomial: PolynomialOptions;
  readonly cosine: CosineOptions;
  readonly cosine_with_restarts: CosineWithRestartsOptions;
  readonly exponential: ExponentialOptions;
  readonly step: StepOptions;
  readonly one_cycle: OneCycleOptions;
  readonly inverse_sqrt: InverseSqrtOptions;
  readonly wsd: WsdOptions;
  readonly glm_cosine: GlmOptions;
  readonly glm_linear: GlmOptions;
}

export type ScheduleName = keyof ScheduleOptions;

/** A schedule as plain data: its name beside its options, fit for JSON. */
export type ScheduleConfig = {
  [K in ScheduleName]: { readonly name: K } & ScheduleOptions[K];
}[ScheduleName];

/** The maker of every schedule; a name without one does not compile. */
export const schedules: { readonly [K in ScheduleName]: (options: ScheduleOptions[K]) => Schedule } = {
  constant,
  linear,
  polynomial,
  cosine,
  cosine_with_restarts: cosineWithRestarts,
  exponential,
  step,
  one_cycle: oneCycle,
  inverse_sqrt: inverseSqrt,
  wsd,
  glm_cosine: glmCosine,
  glm_linear: glmLinear,
};

/**
 * Makes the schedule which `config` describes, e.g.
 * `createSchedule({ name: "cosine", learningRate: 3e-4, totalSteps: 1000, warmupSteps: 50 })`.
 *
 * @throws CongError `UNKNOWN_NAME` (with the nearest name) or `BAD_ARGUMENT` for an option that does not fit
 */
export function createSchedule(config: ScheduleConfig): Schedule {
  const { name, ...options } = config;
  // The union of makers cannot be called with the union of options, though name and options belong together by type.
  const make = pick<(options: never) => Schedule>("learning-rate schedule", schedules, name) as (
    options: object,
  ) => Schedule;
  return make(options);
}
