/** What a program is made of: a family, its configuration, and parameters on the host. */
import type { Backend, HostTensor, Tree } from "../../engine/index.ts";
import type { ModelConfig, ModelFamily } from "../../models/index.ts";
import type { KeysAndValues } from "../../nn/index.ts";

/** Learned keys and values that stand before every text (prefix tuning, P-Tuning v2). */
export interface Prefix {
  /** One a layer, each [1, G, P, D]. */
  readonly layers: readonly KeysAndValues<HostTensor>[];
  /** True: tokens start at position P, as in PEFT. False: at 0, as in P-Tuning v2 of ChatGLM. */
  readonly takesPositions: boolean;
}

export interface Network {
  readonly family: ModelFamily;
  readonly config: ModelConfig;
  /** Under the names that the family gives them. */
  readonly parameters: Tree<HostTensor>;
  readonly prefix?: Prefix | undefined;
  readonly backend: Backend;
}

/** P: rows of the cache that the prefix takes. */
export const prefixLength = ({ prefix }: Pick<Network, "prefix">): number => prefix?.layers[0]?.key.shape[2] ?? 0;
