/** The loss of every language-model objective: mean cross-entropy of the tokens that are asked for. */
import {
  cast,
  crossEntropy,
  linearCrossEntropy,
  notEqual,
  reshape,
  scalar,
  sum,
  type Tensor,
} from "../../engine/index.ts";
import type { ForwardInputs, ModelConfig, ModelFamily, ParameterTree } from "../../models/index.ts";
import { CongError } from "../../support/errors.ts";
import { ignored } from "./samples.ts";

/** A family with one of its configurations. */
export interface Model {
  readonly family: ModelFamily;
  readonly config: ModelConfig;
}

/**
 * Mean cross-entropy, in nats, of `targets` under the model's prediction at the same place.
 * @param targets int64 [B, T]: for causal models the token after each token, for masked models the token itself; −100
 * where nothing is asked
 */
export function tokenLoss(
  model: Model,
  parameters: ParameterTree<Tensor>,
  inputs: ForwardInputs,
  targets: Tensor,
): Tensor {
  const hidden = model.family.forward(model.config, parameters, inputs).hidden.at(-1)!;
  return hiddenLoss(model, parameters, hidden, targets);
}

/** The same from hidden states [B, T, C] after the final norm. */
export function hiddenLoss(
  { family, config }: Model,
  parameters: ParameterTree<Tensor>,
  hidden: Tensor,
  targets: Tensor,
): Tensor {
  const flat = reshape(targets, [-1]);
  return targets.builder.scope("loss", () => {
    const rows = reshape(hidden, [-1, hidden.shape.at(-1)!]); // (B·T, C)
    const weight = family.outputWeight?.(config, parameters);
    if (weight !== undefined) return linearCrossEntropy(rows, weight, flat);
    return crossEntropy(family.logits(config, parameters, rows), flat);
  });
}

/**
 * A model that sees later tokens would read off what a causal objective asks for.
 * @throws CongError `BAD_SETTING` for such a model
 */
export function checkLooksBack({ family }: Model, objective: string): void {
  if (family.mask !== "full") return;
  throw new CongError(
    "BAD_SETTING",
    `${objective} asks for the next token, and in the family "${family.name}" every token sees the next one`,
    { family: family.name, objective },
    "train this family with --objective.name masked, or take a causal one: --model.type glm",
  );
}

/** How many tokens are asked for: the weight of a micro-batch among others. */
export const tokenWeight = (targets: Tensor): Tensor =>
  sum(cast(notEqual(targets, scalar(targets, ignored)), "float32"));
