/**
 * What an optimizer is: two functions over the graph, `init` and `update`, and nothing hidden. All it remembers are the
 * moments it declares; they are state of the training program and part of every checkpoint.
 *
 * Every elementwise op on a full-size tensor is a pass through memory, and on a CPU those passes are all that an update
 * costs. So the formulas here are rearranged until every factor that is a scalar meets its fellow scalars first.
 */
import { mul, sub, type Tensor, type TensorSpec } from "../../engine/index.ts";

/** A tensor type whose sizes are all numbers. */
export interface SizedSpec extends TensorSpec {
  readonly shape: readonly number[];
}

/** A trainable tensor: its path in the parameter tree ("layers.0.attention.query") and its type. */
export interface ParameterInfo {
  readonly path: string;
  readonly spec: SizedSpec;
}

/** A tensor the optimizer keeps for one parameter. It starts filled with `initial` (default 0). */
export interface MomentSpec extends SizedSpec {
  readonly initial?: number;
}

/** Everything one update of one parameter reads. */
export interface UpdateCall {
  readonly path: string;
  readonly parameter: Tensor;
  /** d loss / d parameter, before clipping and unscaling: multiply by `gradientScale`, on the scalar side if possible. */
  readonly gradient: Tensor;
  readonly moments: Readonly<Record<string, Tensor>>;
  /** float32 scalar. */
  readonly learningRate: Tensor;
  /** float32 scalar; 1 in the first update. */
  readonly step: Tensor;
  /** Weight decay of this parameter; 0 for none. */
  readonly decay: number;
  /** float32 scalar: clipping, loss scaling and the mean over micro-batches in one factor. */
  readonly gradientScale: Tensor;
}

export interface UpdateResult {
  readonly parameter: Tensor;
  /** The same names as in `UpdateCall.moments`. */
  readonly moments: Readonly<Record<string, Tensor>>;
}

export interface Optimizer {
  /** The name in the registry. */
  readonly name: string;
  /** All options with their defaults filled in; plain JSON, kept in checkpoints. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The moments of each parameter: path → moment name → spec. */
  init(parameters: readonly ParameterInfo[]): Readonly<Record<string, Readonly<Record<string, MomentSpec>>>>;
  /** Weight decay that `update` should be given for a parameter. */
  decayOf(path: string, shape: readonly number[]): number;
  /** Adds the update of one parameter to the graph. */
  update(call: UpdateCall): UpdateResult;
}

/** A choice of parameters by path and shape. */
export type ParameterRule = (path: string, shape: readonly number[]) => boolean;

/** Parts of an optimizer that plain data cannot express. */
export interface OptimizerRules {
  /** Which parameters are decayed; replaces the option `decayOn`. */
  readonly decays?: ParameterRule;
  /** Which parameters Muon updates; the others get AdamW. Default: `isHiddenMatrix`. */
  readonly muon?: ParameterRule;
}

/** Options shared by all optimizers. */
export interface DecayOptions {
  /** Weight decay; the default is PyTorch's for that optimizer. */
  readonly weightDecay?: number;
  /** Decay tensors of rank 2 and more (default: biases and norm gains are left alone), or `all`, as PyTorch does. */
  readonly decayOn?: "matrices" | "all";
}

/** The rule behind `decayOn`, or the caller's own. */
export function decayRule(options: Required<DecayOptions>, rules: OptimizerRules = {}): Optimizer["decayOf"] {
  const { weightDecay, decayOn } = options;
  const decays: ParameterRule = rules.decays ?? ((_, shape) => decayOn === "all" || shape.length >= 2);
  return (path, shape) => (decays(path, shape) ? weightDecay : 0);
}

/** The same moments, all of the parameter's own shape and starting at 0, for every parameter. */
export const zerosLike =
  (...names: readonly string[]): Optimizer["init"] =>
  (parameters) =>
    Object.fromEntries(
      parameters.map(({ path, spec }) => [path, Object.fromEntries(names.map((name) => [name, spec]))]),
    );

/**
 * p·(1 − learningRate·decay), or p itself without decay (Loshchilov and Hutter, "Decoupled weight decay regularization",
 * arXiv 1711.05101). One full-size op.
 */
export const decoupledDecay = ({ parameter, learningRate, decay }: UpdateCall): Tensor =>
  decay === 0 ? parameter : mul(parameter, sub(1, mul(learningRate, decay)));
