/** The loss of every language-model objective: mean cross-entropy of the tokens that are asked for. */
import { crossEntropy, linearCrossEntropy, reshape, type Tensor } from "../../engine/index.ts";
import type { ForwardInputs, ModelConfig, ModelFamily, ParameterTree } from "../../models/index.ts";

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
  { family, config }: Model,
  parameters: ParameterTree<Tensor>,
  inputs: ForwardInputs,
  targets: Tensor,
): Tensor {
  const hidden = family.forward(config, parameters, inputs).hidden.at(-1)!;
  const flat = reshape(targets, [-1]);
  return targets.builder.scope("loss", () => {
    const rows = reshape(hidden, [-1, hidden.shape.at(-1)!]); // (B·T, C)
    const weight = family.outputWeight?.(config, parameters);
    if (weight !== undefined) return linearCrossEntropy(rows, weight, flat);
    return crossEntropy(family.logits(config, parameters, rows), flat);
  });
}
