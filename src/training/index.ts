export { type Batch, type BatchReader, type BatchSource, readBatches, stackBatches } from "./batches.ts";
export {
  type Json,
  loadCheckpoint,
  type Manifest,
  type RunPosition,
  readManifest,
  saveCheckpoint,
} from "./checkpoint.ts";
export {
  checkpointPath,
  type FoundCheckpoint,
  findCheckpoints,
  pruneCheckpoints,
  removeLeftovers,
} from "./checkpoint-folder.ts";
export { clipFactor, globalNorm } from "./clip.ts";
export * from "./finetune/index.ts";
export { interruptSignal } from "./interrupt.ts";
export { type StepRecord, type TrainHooks, type TrainOptions, type TrainResult, train } from "./loop.ts";
export type { Loss } from "./loss-gradients.ts";
export type { LossScaleOptions } from "./loss-scale.ts";
export { type MetricsLog, type MetricsRecord, openMetricsLog } from "./metrics-log.ts";
export * from "./optimizers/index.ts";
export * from "./runs/index.ts";
export * from "./schedules/index.ts";
export { type TrainStep, type TrainStepOptions, trainStep } from "./train-step.ts";
export { createTrainer, type StepResult, type Trainer } from "./trainer.ts";
