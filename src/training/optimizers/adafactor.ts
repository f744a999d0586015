/** Adafactor, as torch.optim.Adafactor: for matrices the second moment is a row and a column instead of a matrix. */
import { add, div, maximum, mean, minimum, mul, pow, sqrt, sub, type Tensor } from "../../engine/index.ts";
import { atLeast, between, oneOf, positive, readOptions } from "../schedules/options.ts";
import {
  type DecayOptions,
  decayRule,
  decoupledDecay,
  type MomentSpec,
  type Optimizer,
  type OptimizerRules,
  type ParameterInfo,
} from "./optimizer.ts";

export interface AdafactorOptions extends DecayOptions {
  /** τ: the second moment forgets with β2 = 1 − step^τ; −10 to 0, default −0.8. */
  readonly beta2Decay?: number;
  /** ε1, floor under the root of the second moment; default the float32 epsilon 2^-23. */
  readonly epsilon?: number;
  /** ε2, floor under the root mean square of the parameter, which the step is relative to; default 1e-3. */
  readonly parameterFloor?: number;
  /** d: updates with a larger root mean square are scaled down to it; default 1. */
  readonly clipThreshold?: number;
}

/**
 * α = max(ε2, rms(p))·min(lr, 1/√step);  r' and c' follow the row and column means of g² with weight step^τ;
 * V = r'·c' / max(mean(r'), ε1);  u = g / max(√V, ε1);  p' = p·(1 − lr·λ) − α·u / max(1, rms(u)/d).
 *
 * Source: Shazeer and Stern (arXiv 1804.04235), algorithms 4 and 5, with torch.optim.Adafactor's use of lr and ε1. The
 * learning rate is an upper bound of a *relative* step: PyTorch's default is 0.01. Default decay 0.
 */
export function adafactor(options: AdafactorOptions = {}, rules?: OptimizerRules): Optimizer {
  const read = readOptions("adafactor", options, {
    beta2Decay: between(-10, 0, -0.8),
    epsilon: positive(2 ** -23),
    parameterFloor: atLeast(0, 1e-3),
    clipThreshold: atLeast(1, 1),
    weightDecay: atLeast(0, 0),
    decayOn: oneOf(["matrices", "all"], "matrices"),
  });
  const { beta2Decay, epsilon, parameterFloor, clipThreshold } = read;
  return {
    name: "adafactor",
    options: read,
    init: (parameters) => Object.fromEntries(parameters.map((parameter) => [parameter.path, momentsOf(parameter)])),
    decayOf: decayRule(read, rules),
    update(call) {
      const { parameter, gradient, moments, learningRate, step, gradientScale } = call;
      const weight = pow(step, beta2Decay);
      const follow = (old: Tensor, now: Tensor) => add(old, mul(sub(now, old), weight));
      const squared = mul(gradient, gradient);
      // Twice s and not s², which may underflow.
      const unscaled = (x: Tensor) => mul(mul(x, gradientScale), gradientScale);
      const next: Record<string, Tensor> = {};
      let variance: Tensor;
      if (moments["row"] !== undefined) {
        const row = follow(moments["row"], unscaled(mean(squared, { axes: -1, keepDims: true }))); // [..., M, 1]
        const column = follow(moments["column"]!, unscaled(mean(squared, { axes: -2, keepDims: true }))); // [..., 1, N]
        variance = mul(div(row, maximum(mean(row, { axes: -2, keepDims: true }), epsilon)), column); // [..., M, N]
        Object.assign(next, { row, column });
      } else {
        variance = follow(moments["variance"]!, unscaled(squared));
        next["variance"] = variance;
      }
      const direction = div(gradient, sqrt(maximum(variance, epsilon * epsilon))); // the update, but for gradientScale
      const size = mul(rootMeanSquare(direction), gradientScale);
      const relative = mul(
        maximum(rootMeanSquare(parameter), parameterFloor),
        minimum(learningRate, div(1, sqrt(step))),
      );
      const rate = div(mul(relative, gradientScale), maximum(mul(size, 1 / clipThreshold), 1));
      return { parameter: sub(decoupledDecay(call), mul(direction, rate)), moments: next };
    },
  };
}

function momentsOf({ spec: { dtype, shape } }: ParameterInfo): Record<string, MomentSpec> {
  if (shape.length < 2) return { variance: { dtype, shape } };
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  const outer = shape.slice(0, -2);
  return { row: { dtype, shape: [...outer, rows, 1] }, column: { dtype, shape: [...outer, 1, columns] } };
}

const rootMeanSquare = (x: Tensor): Tensor => sqrt(mean(mul(x, x)));
