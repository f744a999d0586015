/** Classification: one class a sample. */
import { argmax, cast, crossEntropy, equal, mean, type Tensor } from "../../engine/index.ts";
import type { Loss } from "../loss-gradients.ts";

export interface ClassificationOptions {
  /** Share of the target spread evenly over all classes, from 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Mean cross-entropy in nats, with the share of right answers as metric "accuracy".
 * @param logits [B, N]
 * @param labels int64 [B], 0 to N − 1
 */
export function classificationLoss(logits: Tensor, labels: Tensor, options: ClassificationOptions = {}): Loss {
  const { labelSmoothing = 0 } = options;
  return logits.builder.scope("loss", () => ({
    loss: crossEntropy(logits, labels, { labelSmoothing }),
    metrics: { accuracy: mean(cast(equal(argmax(logits), labels), "float32")) },
  }));
}
