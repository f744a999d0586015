/** The global norm of all gradients and the factor that clips it: scalars only, folded into the optimizer's own factors. */
import { add, div, minimum, mul, sqrt, sum, type Tensor } from "../engine/index.ts";

/** √(Σ over all tensors of the sum of squares), float32 scalar. */
export const globalNorm = (gradients: readonly Tensor[]): Tensor =>
  sqrt(gradients.map((gradient) => sum(mul(gradient, gradient))).reduce((total, part) => add(total, part)));

// Keeps the division finite for all-zero gradients; PyTorch's value.
const normFloor = 1e-6;

/** min(1, maximum / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ (Pascanu et al., arXiv 1211.5063). */
export const clipFactor = (norm: Tensor, maximum: number): Tensor => minimum(div(maximum, add(norm, normFloor)), 1);
