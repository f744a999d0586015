/**
 * Routers of a mixture of experts: which experts a token goes to, and how much each counts.
 *
 * The result is dense, a weight for every token and expert that is 0 for experts not chosen. The choice itself has no
 * gradient; the weights of the chosen carry it back to the router. N tokens, C hidden, E experts.
 */
import {
  add,
  div,
  type HostTensor,
  matmul,
  mul,
  oneHot,
  reshape,
  sigmoid,
  softmax,
  sum,
  type Tensor,
  topK,
} from "../../engine/index.ts";
import { checkDivides, checkInteger } from "../../support/checks.ts";
import type { Random } from "../../support/random.ts";
import { type Initializer, zeros } from "../initialize.ts";
import { defaultWeight } from "../linear.ts";
import { limitToGroups } from "./expert-groups.ts";

/** Parameters of a router. */
export type Router<Leaf> = {
  /** [E, C] */
  readonly weight: Leaf;
  /** [E], added to the scores for the choice only (DeepSeek-V3). Not trained by gradients: see `nextCorrectionBias`. */
  readonly correctionBias?: Leaf;
};

export interface RouterShape {
  /** Channels C of a token. */
  readonly hidden: number;
  /** Experts E. */
  readonly experts: number;
  /** Give the router a correction bias, which starts at 0. Default false. */
  readonly correctionBias?: boolean;
  /** Default U(±1/√C). */
  readonly initializer?: Initializer | undefined;
}

/** Fresh parameters. */
export function initRouter(options: RouterShape, random: Random): Router<HostTensor> {
  const { hidden, experts, correctionBias = false, initializer = defaultWeight } = options;
  checkInteger("initRouter", { hidden, experts }, { min: 1 });
  const weight = initializer([experts, hidden], random);
  return correctionBias ? { weight, correctionBias: zeros([experts], random) } : { weight };
}

export interface RouterOptions {
  /** Experts each token goes to. */
  readonly activeExperts: number;
  /** "softmax" over all experts (Mixtral, Qwen) or "sigmoid" of each (DeepSeek-V3, GLM-4.5). Default "softmax". */
  readonly scores?: "softmax" | "sigmoid";
  /** Make the weights of the chosen sum to 1. Default true. */
  readonly normalizes?: boolean;
  /** Factor on the weights (routed_scaling_factor). Default 1. */
  readonly scale?: number;
  /** Groups the experts are divided into; only the best of them are open to a token. Default 1. */
  readonly groups?: number;
  /** How many groups stay open. Default `groups`. */
  readonly activeGroups?: number;
}

/** Where tokens go. */
export interface Routing {
  /** [N, E]: weight of each expert, 0 where not chosen. */
  readonly weights: Tensor;
  /** [N, E]: 1 where chosen, else 0. Without gradient. */
  readonly chosen: Tensor;
  /** [N, E]: scores of all experts before the choice. */
  readonly scores: Tensor;
}

/** Keeps a division by an all-zero sum finite, as in DeepSeek-V3's code. */
const smallestSum = 1e-20;

/**
 * Routes tokens x [N, C].
 *
 * Softmax with normalisation equals Mixtral's softmax over the chosen logits (Jiang et al. 2024). Sigmoid scores,
 * correction bias, groups and scale follow DeepSeek-V3 (DeepSeek-AI 2024, section 2.1.2); the bias takes part in the
 * choice but not in the weights.
 */
export function route(parameters: Router<Tensor>, x: Tensor, options: RouterOptions): Routing {
  const { activeExperts, normalizes = true, scale = 1, groups = 1, activeGroups = groups } = options;
  const [N, E] = [x.shape[0]!, Number(parameters.weight.shape[0])];
  checkInteger("route", { activeExperts }, { min: 1, max: (E / groups) * activeGroups });
  checkInteger("route", { activeGroups }, { min: 1, max: groups });
  checkDivides("route", { groups }, { experts: E });
  const logits = matmul(x, parameters.weight, { transposeB: true }); // (N, E)
  const scores = options.scores === "sigmoid" ? sigmoid(logits) : softmax(logits);
  const { correctionBias } = parameters;
  const biased = correctionBias === undefined ? scores : add(scores, correctionBias);
  const open = activeGroups === groups ? biased : limitToGroups(biased, groups, activeGroups);
  const { indices } = topK(open, activeExperts); // (N, K)
  const chosen = sum(oneHot(indices, E), { axes: 1 }); // (N, K, E) → (N, E)
  const kept = mul(scores, chosen);
  const total = normalizes ? reshape(sum(kept, { axes: 1 }), [N, 1]) : undefined;
  const shares = total === undefined ? kept : div(kept, add(total, smallestSum));
  return { weights: scale === 1 ? shares : mul(shares, scale), chosen, scores };
}
