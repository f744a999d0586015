/**
 * The feed-forward half of a transformer block, plain and gated.
 *
 * Gated variants (Shazeer 2020, "GLU Variants Improve Transformer") differ only in the gate's activation: SwiGLU is
 * "silu", GeGLU "gelu", ReGLU "relu", the original GLU "sigmoid". C hidden, F feed-forward.
 */
import { type HostTensor, mul, type Tensor } from "../engine/index.ts";
import type { Random } from "../support/random.ts";
import { type ActivationName, activations } from "./activation.ts";
import type { Initializer } from "./initialize.ts";
import { initLinear, type Linear, linear } from "./linear.ts";

/** Parameters of a plain feed-forward layer. */
export type Mlp<Leaf> = {
  /** C → F */
  readonly up: Linear<Leaf>;
  /** F → C */
  readonly down: Linear<Leaf>;
};

/** Parameters of a gated feed-forward layer. */
export type GatedMlp<Leaf> = Mlp<Leaf> & {
  /** C → F, goes through the activation */
  readonly gate: Linear<Leaf>;
};

export interface MlpOptions {
  /** Channels C in and out. */
  readonly hidden: number;
  /** Channels F in between. */
  readonly feedForward: number;
  /** Biases on all projections. Default false. */
  readonly bias?: boolean;
  /** Default that of `initLinear`. */
  readonly initializer?: Initializer | undefined;
  /** For the down projection, which writes into the residual stream. Default `initializer`. */
  readonly outputInitializer?: Initializer | undefined;
}

export interface ActivationOption {
  /** Default "gelu" in `mlp`, "silu" (SwiGLU) in `gatedMlp`. */
  readonly activation?: ActivationName;
}

/** Fresh parameters of a plain feed-forward layer. */
export function initMlp(options: MlpOptions, random: Random): Mlp<HostTensor> {
  const { hidden, feedForward, bias = false, initializer, outputInitializer = initializer } = options;
  return {
    up: initLinear({ input: hidden, output: feedForward, bias, initializer }, random),
    down: initLinear({ input: feedForward, output: hidden, bias, initializer: outputInitializer }, random),
  };
}

/** Fresh parameters of a gated feed-forward layer. */
export function initGatedMlp(options: MlpOptions, random: Random): GatedMlp<HostTensor> {
  const { hidden, feedForward, bias = false, initializer } = options;
  const gate = initLinear({ input: hidden, output: feedForward, bias, initializer }, random);
  return { gate, ...initMlp(options, random) };
}

/** down(activation(up(x))). x [..., C] → [..., C]. */
export function mlp(parameters: Mlp<Tensor>, x: Tensor, options: ActivationOption = {}): Tensor {
  const activate = activations[options.activation ?? "gelu"];
  return linear(parameters.down, activate(linear(parameters.up, x)));
}

/** down(activation(gate(x)) · up(x)). x [..., C] → [..., C]. */
export function gatedMlp(parameters: GatedMlp<Tensor>, x: Tensor, options: ActivationOption = {}): Tensor {
  const activate = activations[options.activation ?? "silu"];
  const gated = mul(activate(linear(parameters.gate, x)), linear(parameters.up, x)); // (..., F)
  return linear(parameters.down, gated);
}
