/**
 * A piece of graph with a name: backends that have the whole of it as one op may take that instead.
 *
 * The op is an identity on its first inputs, which compute the results; the others are what the piece reads. So its
 * meaning is that of the ops it was composed of, gradients pass through it, and a pass (`adopt-composed`) either removes
 * it or, with it, all that only it needed.
 */
import type { Tensor } from "../graph/builder.ts";
import type { OpDefinition } from "../graph/op.ts";

/** What is computed. */
export type Composition = {
  /**
   * "causalAttention": q, k, v [B, H, T, D] → softmax(q·kᵀ·scale, keys up to the query's own position)·v.
   * "causalAttentionGradient": q, k, v and the gradient of that result → the gradients of q, k, v.
   */
  readonly piece: "causalAttention" | "causalAttentionGradient";
  readonly scale: number;
};

export type ComposedParams = Composition & { readonly results: number };

export const composedOp: OpDefinition<ComposedParams> = {
  name: "composed",
  infer: (types, { results }) => types.slice(0, results),
  gradient: ({ gradients, inputs, params: { results } }) =>
    inputs.map((_, i) => (i < results ? gradients[i] : undefined)),
  evaluate: ({ inputs, outputs }) => {
    for (const [i, output] of outputs.entries()) output.data.set(inputs[i]!.data);
  },
};

/** Tensors equal to `results`, known to be this composition of `operands`; use these in their place. */
export function composed(results: readonly Tensor[], operands: readonly Tensor[], what: Composition): Tensor[] {
  const params = { ...what, results: results.length };
  return results[0]!.builder.emit(composedOp, [...results, ...operands], params);
}
