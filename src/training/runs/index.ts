/** Runs: settings in a YAML file, a plan, a run folder, and the commands that train. */
export { type Calibration, countParameters, flopsPerToken } from "./cost.ts";
export { type Derived, planBatch, planModel, planTraining } from "./depth-plan.ts";
export { type EventLog, openEventLog } from "./event-log.ts";
export { pretrain, type RunOptions } from "./pretrain.ts";
export { type PretrainSettings, pretrainSettings } from "./pretrain-settings.ts";
export { nothingSetAside, reportAside, type SetAside, textsOfFiles } from "./records.ts";
export {
  describeSettings,
  type Override,
  type Resolved,
  readSettingsText,
  resolveSettings,
} from "./resolve-settings.ts";
export { type ChangedSetting, changedSettings, checkChangeable, describeChanges } from "./resumed-settings.ts";
export { createRowStream, type RowPosition, type RowStream, rowBatches } from "./row-stream.ts";
export { configPath, kindOfRun, readRunConfig } from "./run-folder.ts";
export { modelFolder, type RunSummary } from "./run-training.ts";
export { scheduleOfRun } from "./schedule-of-run.ts";
export type { NamedOptions, Setting, SettingTable, ValuesOf } from "./setting.ts";
export { sampleSegments, showSample } from "./show-sample.ts";
export {
  glmSpecialTokens,
  reportTokenizer,
  type TokenizerReport,
  trainTokenizer,
  type WordPattern,
  wordPatterns,
} from "./train-tokenizer.ts";
