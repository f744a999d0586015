export { type ConstantOptions, constant } from "./constant.ts";
export { type CosineOptions, cosine } from "./cosine.ts";
export { type CosineWithRestartsOptions, cosineWithRestarts } from "./cosine-with-restarts.ts";
export { type ExponentialOptions, exponential, type StepOptions, step } from "./exponential.ts";
export { type GlmOptions, glmCosine, glmLinear } from "./glm.ts";
export { type InverseSqrtOptions, inverseSqrt } from "./inverse-sqrt.ts";
export { type OneCycleOptions, oneCycle } from "./one-cycle.ts";
export { type LinearOptions, linear, type PolynomialOptions, polynomial } from "./polynomial.ts";
export {
  createSchedule,
  type ScheduleConfig,
  type ScheduleName,
  type ScheduleOptions,
  schedules,
} from "./registry.ts";
export type { Schedule } from "./schedule.ts";
export { type WsdOptions, wsd } from "./wsd.ts";
