/** Cross-entropy losses with hand-written gradients. */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { showShape } from "../graph/shape.ts";
import { add, div, maximum, mul, sub } from "./binary.ts";
import { notEqual } from "./compare.ts";
import { customGradient } from "./custom-gradient.ts";
import { scalar } from "./emit.ts";
import { addAlongAxis, takeAlongAxis } from "./gather.ts";
import { matmul } from "./matmul.ts";
import { expand, reshape } from "./movement.ts";
import { softmax } from "./normalize.ts";
import { max, mean, sum } from "./reduce.ts";
import { barrier, cast, where } from "./select.ts";
import { log } from "./unary.ts";

export interface CrossEntropyOptions {
  /** Targets with this value cost nothing. Default −100, as in PyTorch. */
  readonly ignoreIndex?: number;
  /** Share of the target spread evenly over all classes (Szegedy et al. 2016), from 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
  /** "mean" over the targets that count, "sum", or "none" for one loss per row. Default "mean". */
  readonly reduction?: "mean" | "sum" | "none";
}

/** What both forms share: a loss per row and what its gradient needs. */
interface Rows {
  readonly losses: Tensor; // (N)
  readonly probabilities: Tensor; // (N, V)
  readonly safeTargets: Tensor; // (N), ignored targets replaced by 0
  readonly counts: Tensor; // (N), 1 where the target counts, else 0
}

function lossRows(logits: Tensor, targets: Tensor, smoothing: number, ignoreIndex: number): Rows {
  const [rows] = logits.shape;
  if (logits.shape.length !== 2 || targets.shape.length !== 1 || targets.shape[0] !== rows) {
    throw new CongError(
      "SHAPE_MISMATCH",
      `crossEntropy: logits ${showShape(logits.shape)} and targets ${showShape(targets.shape)}, wanted [N, V] and [N]`,
      { logits: logits.shape, targets: targets.shape },
      "flatten batch and length into one axis with reshape(x, [-1, V]) and reshape(targets, [-1])",
    );
  }
  const counted = notEqual(targets, ignoreIndex);
  const safeTargets = where(counted, targets, scalar(targets, 0));
  const counts = cast(counted, "float32");
  const probabilities = softmax(logits);
  // The largest logit has probability ≥ 1/V, so log Σ e^x = x_max − log p_max is exact and reads memory only twice.
  const largest = max(logits, { axes: 1 });
  const normalizer = sub(largest, log(max(probabilities, { axes: 1 })));
  const atTarget = reshape(takeAlongAxis(logits, reshape(safeTargets, [rows!, 1])), [rows!]);
  const wanted =
    smoothing === 0 ? atTarget : add(mul(atTarget, 1 - smoothing), mul(mean(logits, { axes: 1 }), smoothing));
  // Chosen, not multiplied: an infinite loss of an ignored row times 0 would be NaN.
  const losses = where(counted, sub(normalizer, wanted), 0);
  return { losses, probabilities, safeTargets, counts };
}

function reduceRows(losses: Tensor, counts: Tensor, reduction: CrossEntropyOptions["reduction"] = "mean"): Tensor {
  if (reduction === "none") return losses;
  const total = sum(losses);
  // At least 1, so that a batch in which nothing counts has loss 0 rather than NaN.
  return reduction === "sum" ? total : div(total, maximum(sum(counts), 1));
}

function smoothingOf({ labelSmoothing = 0 }: CrossEntropyOptions): number {
  if (labelSmoothing >= 0 && labelSmoothing <= 1) return labelSmoothing;
  throw new CongError(
    "BAD_ARGUMENT",
    `crossEntropy: labelSmoothing is ${labelSmoothing}`,
    { labelSmoothing },
    "use a value from 0 to 1",
  );
}

/**
 * Cross-entropy of logits [N, V] against class indices [N].
 * @returns a scalar, or [N] with reduction "none".
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const smoothing = smoothingOf(options);
  const rows = lossRows(logits, targets, smoothing, options.ignoreIndex ?? -100);
  const { probabilities, safeTargets, counts } = rows;
  const [losses] = customGradient([rows.losses], [logits], ([g]) => {
    const weight = reshape(mul(g!, counts), [logits.shape[0]!, 1]);
    const spread =
      smoothing === 0 ? probabilities : sub(probabilities, div(scalar(logits, smoothing), classCount(logits)));
    const hit = mul(weight, -(1 - smoothing));
    return [addAlongAxis(mul(spread, weight), reshape(safeTargets, [logits.shape[0]!, 1]), hit)];
  });
  return reduceRows(losses!, counts, options.reduction);
}

/**
 * Cross-entropy of hidden·weightᵀ against class indices, without a gradient tensor of the size of the logits.
 *
 * The gradient of the logits is P − onehot, row-scaled. The row scale moves to the thin side of both products that
 * follow, and the one-hot part changes one probability a row, so that P itself serves as the gradient: nothing of the
 * size of the logits is written again.
 * @param hidden [N, C]
 * @param weight [V, C], as an embedding or an output layer stores it
 * @param targets [N]
 */
export function linearCrossEntropy(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const smoothing = smoothingOf(options);
  const logits = matmul(hidden, weight, { transposeB: true }); // (N, V)
  const rows = lossRows(logits, targets, smoothing, options.ignoreIndex ?? -100);
  const { probabilities, safeTargets, counts } = rows;
  const [losses] = customGradient([rows.losses], [hidden, weight], ([g]) => {
    const N = hidden.shape[0]!;
    const scale = reshape(mul(g!, counts), [N, 1]); // (N, 1)
    const scaled = mul(hidden, scale); // (N, C)
    // Waiting for the losses makes this the last reader of P, so that a backend may change it in place.
    const hit = barrier(expand(scalar(hidden, smoothing - 1), [N, 1]), rows.losses);
    const difference = addAlongAxis(probabilities, reshape(safeTargets, [N, 1]), hit, 1); // (N, V)
    let forHidden = matmul(difference, weight);
    let forWeight = matmul(difference, scaled, { transposeA: true });
    if (smoothing > 0) {
      const share = div(scalar(hidden, smoothing), classCount(logits));
      forHidden = sub(forHidden, mul(sum(weight, { axes: 0 }), share));
      forWeight = sub(
        forWeight,
        expand(reshape(mul(sum(scaled, { axes: 0 }), share), [1, weight.shape[1]!]), weight.shape),
      );
    }
    return [mul(forHidden, scale), forWeight];
  });
  return reduceRows(losses!, counts, options.reduction);
}

function classCount(logits: Tensor): number {
  const classes = logits.shape[1];
  if (typeof classes === "number") return classes;
  throw new CongError(
    "UNBOUND_DIMENSION",
    "crossEntropy: label smoothing needs a known number of classes",
    { classes },
    "give the class axis a number",
  );
}
