/**
 * Trading time for memory: a block whose inner values are not kept for the backward pass but computed again there
 * (Chen et al. 2016). Only the block's inputs stay alive between the two passes.
 */
import type { Tensor } from "../graph/builder.ts";
import { customGradient } from "../ops/custom-gradient.ts";
import { barrier } from "../ops/select.ts";
import { buildGradients } from "./gradients.ts";

/**
 * Runs `block` on `inputs`; its backward pass starts by running it again.
 * @param inputs every tensor the block reads that needs a gradient, parameters included.
 */
export function recompute(
  block: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
): Tensor[] {
  const { builder } = inputs[0]!;
  const mark = builder.streamMark();
  const results = block(inputs);
  return customGradient(results, inputs, (seeds) =>
    builder.ownRegion(() => {
      const trigger = seeds.find((seed) => seed !== undefined)!;
      // Nothing may start before the gradient has arrived, or the values would be alive all along after all.
      const fresh = inputs.map((input) => barrier(input, trigger));
      // Dropout must meet the same mask in both runs.
      const again = builder.repeatStreams(mark, () => block(fresh));
      const used = again.flatMap((result, i) => (seeds[i] === undefined ? [] : [{ result, seed: seeds[i] }]));
      return buildGradients(
        used.map(({ result }) => result),
        used.map(({ seed }) => seed),
        fresh,
      );
    }),
  );
}
