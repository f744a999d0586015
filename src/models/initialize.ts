/** Fresh parameters for any family: norms start as plain normalisation, biases at 0, weights as N(0, range²). */
import { type HostTensor, mapTree, type TensorSpec } from "../engine/index.ts";
import { normal, ones, zeros } from "../nn/index.ts";
import type { Random } from "../support/random.ts";
import type { ParameterTree } from "./family.ts";

/**
 * Draws every leaf of `specs` in the order of the tree.
 * @param range standard deviation of weights (`initializer_range`). Default 0.02.
 */
export function initParameters(
  specs: ParameterTree<TensorSpec>,
  random: Random,
  range = 0.02,
): ParameterTree<HostTensor> {
  const weight = normal({ std: range });
  return mapTree<TensorSpec, HostTensor>(specs, ({ shape }, path) => {
    const sizes = shape as readonly number[];
    if (path.endsWith("bias")) return zeros(sizes, random);
    return (isNorm(path) ? ones : weight)(sizes, random);
  });
}

const isNorm = (path: string): boolean => /norm\.weight$/i.test(path);
