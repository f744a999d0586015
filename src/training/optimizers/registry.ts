/** All optimizers by the names people know them under, for configurations, the command line and checkpoints. */
import { pick } from "../../support/suggest.ts";
import { type AdafactorOptions, adafactor } from "./adafactor.ts";
import { type AdagradOptions, adagrad } from "./adagrad.ts";
import { adam } from "./adam.ts";
import type { AdamOptions } from "./adam-moments.ts";
import { type AdamWOptions, adamw } from "./adamw.ts";
import { type LionOptions, lion } from "./lion.ts";
import { type MuonOptions, muon } from "./muon.ts";
import type { Optimizer, OptimizerRules } from "./optimizer.ts";
import { type RmspropOptions, rmsprop } from "./rmsprop.ts";
import { type SgdOptions, sgd } from "./sgd.ts";

/** Options of every optimizer by its name. */
export interface OptimizerOptions {
  readonly sgd: SgdOptions;
  readonly adam: AdamOptions;
  readonly adamw: AdamWOptions;
  readonly rmsprop: RmspropOptions;
  readonly adagrad: AdagradOptions;
  readonly adafactor: AdafactorOptions;
  readonly muon: MuonOptions;
  readonly lion: LionOptions;
}

export type OptimizerName = keyof OptimizerOptions;

/** An optimizer as plain data: its name beside its options, fit for JSON. */
export type OptimizerConfig = {
  [K in OptimizerName]: { readonly name: K } & OptimizerOptions[K];
}[OptimizerName];

type Maker<Options> = (options?: Options, rules?: OptimizerRules) => Optimizer;

/** The maker of every optimizer; a name without one does not compile. */
export const optimizers: { readonly [K in OptimizerName]: Maker<OptimizerOptions[K]> } = {
  sgd,
  adam,
  adamw,
  rmsprop,
  adagrad,
  adafactor,
  muon,
  lion,
};

/**
 * Makes the optimizer which `config` describes, e.g. `createOptimizer({ name: "adamw", beta2: 0.95, weightDecay: 0.1 })`.
 * The learning rate is not an option: a schedule feeds it.
 *
 * @throws CongError `UNKNOWN_NAME` (with the nearest name) or `BAD_ARGUMENT` for an option that does not fit
 */
export function createOptimizer(config: OptimizerConfig, rules: OptimizerRules = {}): Optimizer {
  const { name, ...options } = config;
  // The union of makers cannot be called with the union of options, though name and options belong together by type.
  const make = pick<Maker<never>>("optimizer", optimizers, name) as Maker<object>;
  return make(options, rules);
}
