/** Affine maps, the weights of every other layer. Weights are stored [out, in], as in checkpoints. */
import { add, type HostTensor, matmul, type Tensor } from "../engine/index.ts";
import { checkInteger } from "../support/checks.ts";
import type { Random } from "../support/random.ts";
import { type Initializer, kaimingUniform, zeros } from "./initialize.ts";

/** Parameters of a linear layer, on the host or in a graph. */
export type Linear<Leaf> = {
  /** [out, in] */
  readonly weight: Leaf;
  /** [out] */
  readonly bias?: Leaf;
};

export interface LinearOptions {
  /** Channels read. */
  readonly input: number;
  /** Channels made. */
  readonly output: number;
  /** Add a bias, which starts at 0. Default false. */
  readonly bias?: boolean;
  /** Default U(±1/√input), PyTorch's default. */
  readonly initializer?: Initializer | undefined;
}

/** U(±1/√fanIn), PyTorch's default for weights of linear layers. */
export const defaultWeight: Initializer = kaimingUniform({ gain: Math.sqrt(1 / 3) });

/** Fresh parameters. */
export function initLinear(options: LinearOptions, random: Random): Linear<HostTensor> {
  const { input, output, bias = false, initializer = defaultWeight } = options;
  checkInteger("initLinear", { input, output }, { min: 1 });
  const weight = initializer([output, input], random);
  return bias ? { weight, bias: zeros([output], random) } : { weight };
}

/** x·Wᵀ + b. x [..., in] → [..., out]. */
export function linear(parameters: Linear<Tensor>, x: Tensor): Tensor {
  const product = matmul(x, parameters.weight, { transposeB: true });
  return parameters.bias === undefined ? product : add(product, parameters.bias);
}
