/**
 * A mixture-of-experts feed-forward layer, computed densely: every expert sees every token and the routing weights
 * decide what counts. Simple, differentiable and fine for small models; it costs E / (active experts) times the
 * arithmetic of a sparse implementation.
 *
 * B batch, T length, N = B·T tokens, C hidden, F width of one expert, E experts.
 */
import { add, type HostTensor, matmul, mul, reshape, sum, type Tensor, transpose } from "../../engine/index.ts";

import { checkInteger } from "../../support/checks.ts";
import type { Random } from "../../support/random.ts";
import { type ActivationName, activations } from "../activation.ts";
import type { Initializer } from "../initialize.ts";
import { defaultWeight } from "../linear.ts";
import { type GatedMlp, gatedMlp, initGatedMlp } from "../mlp.ts";
import { initRouter, type Router, type RouterOptions, type Routing, route } from "./router.ts";

/** Gated feed-forward experts, stacked along a first axis. */
export type Experts<Leaf> = {
  /** [E, F, C] */
  readonly gate: Leaf;
  /** [E, F, C] */
  readonly up: Leaf;
  /** [E, C, F] */
  readonly down: Leaf;
};

/** Parameters of a mixture layer. */
export type Mixture<Leaf> = {
  readonly router: Router<Leaf>;
  readonly experts: Experts<Leaf>;
  /** Sees every token, whatever the router says. */
  readonly sharedExpert?: GatedMlp<Leaf>;
};

export interface MixtureShape {
  /** Channels C in and out. */
  readonly hidden: number;
  /** Channels F inside one expert. */
  readonly expertFeedForward: number;
  /** Experts E. */
  readonly experts: number;
  /** Channels inside the shared expert; 0 for none. Default 0. */
  readonly sharedFeedForward?: number;
  /** Router with a correction bias. Default false. */
  readonly correctionBias?: boolean;
  /** Default U(±1/√fanIn). */
  readonly initializer?: Initializer | undefined;
}

/** Fresh parameters. */
export function initMixture(options: MixtureShape, random: Random): Mixture<HostTensor> {
  const { hidden, expertFeedForward, experts, sharedFeedForward = 0, correctionBias = false, initializer } = options;
  checkInteger("initMixture", { hidden, expertFeedForward, experts }, { min: 1 });
  checkInteger("initMixture", { sharedFeedForward }, { min: 0 });
  const shared = { hidden, feedForward: sharedFeedForward, initializer };
  return {
    router: initRouter({ hidden, experts, correctionBias, initializer }, random),
    experts: {
      gate: initStack(experts, expertFeedForward, hidden, random, initializer),
      up: initStack(experts, expertFeedForward, hidden, random, initializer),
      down: initStack(experts, hidden, expertFeedForward, random, initializer),
    },
    ...(sharedFeedForward === 0 ? {} : { sharedExpert: initGatedMlp(shared, random) }),
  };
}

/** One weight [out, in] per expert; each is drawn by itself, so that its fans are counted right. */
function initStack(
  experts: number,
  output: number,
  input: number,
  random: Random,
  initializer: Initializer = defaultWeight,
): HostTensor {
  const data = new Float32Array(experts * output * input);
  for (let e = 0; e < experts; e++)
    data.set(initializer([output, input], random).data as Float32Array, e * output * input);
  return { dtype: "float32", shape: [experts, output, input], data };
}

export interface MixtureOptions extends RouterOptions {
  /** Activation of the gates. Default "silu". */
  readonly activation?: ActivationName;
}

/** Σ over experts of weight · expert(x), plus the shared expert. x [B, T, C] → output of the same shape and the routing. */
export function mixture(
  parameters: Mixture<Tensor>,
  x: Tensor,
  options: MixtureOptions,
): { readonly output: Tensor; readonly routing: Routing } {
  const tokens = reshape(x, [-1, x.shape.at(-1)!]); // (N, C)
  const routing = route(parameters.router, tokens, options);
  const routed = reshape(runExperts(parameters.experts, tokens, routing.weights, options.activation), x.shape);
  const { sharedExpert } = parameters;
  const activation = options.activation === undefined ? {} : { activation: options.activation };
  const output = sharedExpert === undefined ? routed : add(routed, gatedMlp(sharedExpert, x, activation));
  return { output, routing };
}

/** Weighted sum of all experts' outputs. tokens [N, C], weights [N, E] → [N, C]. */
export function runExperts(
  { gate, up, down }: Experts<Tensor>,
  tokens: Tensor,
  weights: Tensor,
  activation: ActivationName = "silu",
): Tensor {
  const [N, E] = weights.shape;
  const each = reshape(tokens, [1, ...tokens.shape]); // (1, N, C), read by every expert
  const project = (weight: Tensor) => matmul(each, weight, { transposeB: true }); // (E, N, F)
  const inner = mul(activations[activation](project(gate)), project(up));
  const perExpert = reshape(transpose(weights), [E!, N!, 1]);
  return sum(mul(matmul(inner, down, { transposeB: true }), perExpert), { axes: 0 });
}
