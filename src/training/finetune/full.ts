/** Methods that train the model's own weights: all of them, or its last layers. */
import type { HostTensor } from "../../engine/index.ts";
import { flattenTree } from "../../engine/index.ts";
import { CongError } from "../../support/errors.ts";
import { tokenLoss } from "../objectives/token-loss.ts";
import type { BaseModel } from "../runs/base-model.ts";
import { saveModel } from "../runs/base-model.ts";
import { modelFolder } from "../runs/run-training.ts";
import type { TuningMethod } from "./method.ts";

function ownWeights(
  { model, parameters }: BaseModel,
  tokenizer: string,
  frozen: (path: string) => boolean,
): TuningMethod {
  return {
    parameters,
    frozen: (path) => frozen(path) || (model.family.isBuffer?.(path) ?? false),
    loss: (tree, ids, targets, dropout) => tokenLoss(model, tree, { ids, dropout }, targets),
    virtualTokens: 0,
    save: (run, trained) => saveModel(modelFolder(run), model, trained, tokenizer),
  };
}

/** Trains everything. */
export const fullMethod = (base: BaseModel, tokenizer: string): TuningMethod =>
  ownWeights(base, tokenizer, () => false);

/**
 * Trains the last `layers` layers; embeddings, final norm and output layer stay, too.
 * @throws CongError `BAD_ARGUMENT` for more layers than there are
 */
export function freezeMethod(base: BaseModel, tokenizer: string, layers: number): TuningMethod {
  const { layers: all } = base.model.config;
  if (layers > all) {
    throw new CongError(
      "BAD_ARGUMENT",
      `freeze: the model has ${all} layers, fewer than the ${layers} to train`,
      { layers: all, wanted: layers },
      `set --freeze.layers to at most ${all}`,
    );
  }
  const isTrained = (path: string) => layerOf(path) >= all - layers;
  if (!flattenTree<HostTensor>(base.parameters).some(([path]) => isTrained(path))) {
    throw new CongError(
      "BAD_ARGUMENT",
      `freeze: no parameter of the family ${base.model.family.name} has a layer number`,
      { family: base.model.family.name },
      "use another method",
    );
  }
  return ownWeights(base, tokenizer, (path) => !isTrained(path));
}

/** Number of the layer that a parameter belongs to; −1 for others. */
const layerOf = (path: string): number => Number(/(?:^|\.)(?:layers|layer|h)\.(\d+)\./.exec(path)?.[1] ?? -1);
