/**
 * Muon, as torch.optim.Muon: momentum whose singular values are all pushed to about 1, for the matrices inside a network.
 * Embeddings, output layers, biases and norms get AdamW in the same update.
 */
import { add, cast, div, matmul, maximum, mul, sqrt, sub, sum, type Tensor } from "../../engine/index.ts";
import { atLeast, between, flag, oneOf, positive, readOptions } from "../schedules/options.ts";
import { adamChange, beta } from "./adam-moments.ts";
import {
  type DecayOptions,
  decayRule,
  decoupledDecay,
  type Optimizer,
  type OptimizerRules,
  type ParameterRule,
  type UpdateCall,
  type UpdateResult,
} from "./optimizer.ts";

export interface MuonOptions extends DecayOptions {
  /** μ; default 0.95. */
  readonly momentum?: number;
  /** Default true. */
  readonly nesterov?: boolean;
  /** Newton–Schulz steps, 1 to 99; default 5. */
  readonly steps?: number;
  /** Floor of the norm that the matrix is divided by; default 1e-7. */
  readonly epsilon?: number;
  /**
   * Factor on the rate of an [out, in] matrix: `original` √max(1, out/in) (default), `match_rms_adamw` 0.2·√max(out, in),
   * with which rates and decays tuned for AdamW can be used as they are.
   */
  readonly adjustRate?: "original" | "match_rms_adamw";
  /**
   * `bfloat16` rounds after every product, as PyTorch does; `float32` (default) is more exact, and faster wherever
   * bfloat16 has no hardware.
   */
  readonly precision?: "float32" | "bfloat16";
  /** AdamW of the other parameters: its share of the learning rate; default 0.015 for `original`, otherwise 1. */
  readonly fallbackRate?: number;
  /** Default 0.9. */
  readonly fallbackBeta1?: number;
  /** Default 0.95. */
  readonly fallbackBeta2?: number;
}

// Keller Jordan's quintic: the steepest at 0 that keeps all singular values near 1.
const [a, b, c] = [3.4445, -4.775, 2.0315];
// The rates its author advises: 3e-4 for AdamW beside 0.02 for Muon.
const originalFallbackRate = 0.015;
const fallbackEpsilon = 1e-8;
const outerLayer = /(^|[._])(embed\w*|embeddings?|wte|wpe|lm_head|output_layer|head|unembed\w*)([._]|$)/i;

/** Matrices that are neither an embedding nor an output layer, judged by the names in use for those. */
export const isHiddenMatrix: ParameterRule = (path, shape) => shape.length === 2 && !outerLayer.test(snakeCase(path));

const snakeCase = (path: string): string => path.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();

/**
 * m' = μ·m + (1−μ)·g;  u = (1−μ)·g + μ·m' (Nesterov) or m';  p' = p·(1 − lr·λ) − lr·adjust·orthogonalize(u).
 *
 * Source: Jordan et al., "Muon" (2024), in the form of torch.optim.Muon of PyTorch 2.11; `match_rms_adamw` from Liu et
 * al. (arXiv 2502.16982). Default decay 0.1.
 */
export function muon(options: MuonOptions = {}, rules: OptimizerRules = {}): Optimizer {
  const read = readOptions("muon", options, {
    momentum: beta(0.95),
    nesterov: flag(true),
    steps: between(1, 99, 5),
    epsilon: positive(1e-7),
    adjustRate: oneOf(["original", "match_rms_adamw"], "original"),
    precision: oneOf(["float32", "bfloat16"], "float32"),
    fallbackRate: positive(options.adjustRate === "match_rms_adamw" ? 1 : originalFallbackRate),
    fallbackBeta1: beta(0.9),
    fallbackBeta2: beta(0.95),
    weightDecay: atLeast(0, 0.1),
    decayOn: oneOf(["matrices", "all"], "matrices"),
  });
  const isMuon: ParameterRule = (path, shape) => shape.length === 2 && (rules.muon ?? isHiddenMatrix)(path, shape);
  return {
    name: "muon",
    options: read,
    init: (parameters) =>
      Object.fromEntries(
        parameters.map(({ path, spec }) => [
          path,
          isMuon(path, spec.shape) ? { momentum: spec } : { first: spec, second: spec },
        ]),
      ),
    decayOf: decayRule(read, rules),
    update: (call) => (call.moments["momentum"] === undefined ? fallback(call, read) : muonUpdate(call, read)),
  };
}

function muonUpdate(call: UpdateCall, options: Required<MuonOptions>): UpdateResult {
  const { gradient, moments, learningRate, gradientScale } = call;
  const mu = options.momentum;
  const fresh = mul(gradient, mul(gradientScale, 1 - mu));
  const momentum = add(mul(moments["momentum"]!, mu), fresh);
  const direction = orthogonalize(options.nesterov ? add(fresh, mul(momentum, mu)) : momentum, options);
  const [rows, columns] = gradient.shape as [number, number];
  const adjust =
    options.adjustRate === "original"
      ? Math.sqrt(Math.max(1, rows / columns))
      : 0.2 * Math.sqrt(Math.max(rows, columns));
  return {
    parameter: sub(decoupledDecay(call), mul(direction, mul(learningRate, adjust))),
    moments: { momentum },
  };
}

/**
 * Newton–Schulz iteration X ← a·X + (b·G + c·G²)·X, G = X·Xᵀ, from X = u / ‖u‖: drives the singular values of u towards
 * 1 and keeps its singular vectors. Tall matrices are multiplied from the right with G = Xᵀ·X, the smaller Gram matrix.
 * @param u [rows, columns]
 */
export function orthogonalize(
  u: Tensor,
  { steps, epsilon, precision }: { steps: number; epsilon: number; precision: "float32" | "bfloat16" },
): Tensor {
  const round = (x: Tensor) => (precision === "bfloat16" ? cast(cast(x, "bfloat16"), "float32") : x);
  const [rows, columns] = u.shape as [number, number];
  const isTall = rows > columns;
  const start = round(u);
  const norm = round(sqrt(sum(mul(start, start))));
  let x = round(div(start, maximum(norm, epsilon)));
  for (let i = 0; i < steps; i++) {
    const gram = round(matmul(x, x, isTall ? { transposeA: true } : { transposeB: true })); // [K, K], K = min(rows, columns)
    const factor = round(add(mul(gram, b), matmul(gram, gram, { scale: c })));
    x = round(add(mul(x, a), isTall ? matmul(x, factor) : matmul(factor, x)));
  }
  return x;
}

function fallback(call: UpdateCall, options: Required<MuonOptions>): UpdateResult {
  const slower = { ...call, learningRate: mul(call.learningRate, options.fallbackRate) };
  const { change, moments } = adamChange(slower, {
    beta1: options.fallbackBeta1,
    beta2: options.fallbackBeta2,
    epsilon: fallbackEpsilon,
  });
  return { parameter: sub(decoupledDecay(slower), change), moments };
}
