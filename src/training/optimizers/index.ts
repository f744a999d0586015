export { type AdafactorOptions, adafactor } from "./adafactor.ts";
export { type AdagradOptions, adagrad } from "./adagrad.ts";
export { adam } from "./adam.ts";
export { type AdamOptions, biasCorrection } from "./adam-moments.ts";
export { type AdamWOptions, adamw } from "./adamw.ts";
export { type LionOptions, lion } from "./lion.ts";
export { isHiddenMatrix, type MuonOptions, muon, orthogonalize } from "./muon.ts";
export type {
  DecayOptions,
  MomentSpec,
  Optimizer,
  OptimizerRules,
  ParameterInfo,
  ParameterRule,
  SizedSpec,
  UpdateCall,
  UpdateResult,
} from "./optimizer.ts";
export {
  createOptimizer,
  type OptimizerConfig,
  type OptimizerName,
  type OptimizerOptions,
  optimizers,
} from "./registry.ts";
export { type RmspropOptions, rmsprop } from "./rmsprop.ts";
export { type SgdOptions, sgd } from "./sgd.ts";
