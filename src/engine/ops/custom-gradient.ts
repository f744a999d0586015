/**
 * Values whose gradient is written by hand.
 *
 * Any piece of model code can carry its own backward pass: a stable or cheaper formula (cross-entropy), a lie
 * (straight-through, gradient reversal) or nothing at all (stop-gradient). The op is an identity on its first
 * `results` inputs; the rest are what the rule returns gradients for. A pass removes it before anything is compiled.
 */
import type { GraphBuilder, Tensor } from "../graph/builder.ts";
import type { Node, ValueId } from "../graph/graph.ts";
import type { OpDefinition } from "../graph/op.ts";
import { mul } from "./binary.ts";

/** Receives d loss / d result (undefined where there is none), returns d loss / d parameter. */
export type CustomRule = (gradients: readonly (Tensor | undefined)[]) => readonly (Tensor | undefined)[];

export interface CustomGradientParams {
  readonly results: number;
  readonly rule: CustomRule;
  /** The builder whose tensors the rule reads. */
  readonly home: GraphBuilder;
}

export const customGradientOp: OpDefinition<CustomGradientParams> = {
  name: "customGradient",
  infer: (types, { results }) => types.slice(0, results),
  gradient: ({ gradients, inputs, params: { results, rule } }) => {
    const given = rule(gradients);
    return inputs.map((_, i) => (i < results ? undefined : given[i - results]));
  },
  evaluate: ({ inputs, outputs }) => {
    for (const [i, output] of outputs.entries()) output.data.set(inputs[i]!.data);
  },
};

/**
 * Gives `results` the gradient `rule` with respect to `parameters`, and no other.
 * @returns tensors equal to `results`; use these in their place.
 */
export function customGradient(results: readonly Tensor[], parameters: readonly Tensor[], rule: CustomRule): Tensor[] {
  const inputs = [...results, ...parameters];
  const home = inputs[0]!.builder;
  return home.emit(customGradientOp, inputs, { results: results.length, rule, home });
}

/**
 * The parameters of a node that is copied into another builder. A rule reads tensors of the graph it was written in, so
 * it runs there, on placeholders for the gradients, and the nodes it makes are copied after it.
 * @param values the copies of the values of the rule's graph; grows.
 * @param copy adds copies of nodes to `target`, reading and extending `values`.
 */
export function movedCustomGradient(
  { results, rule, home }: CustomGradientParams,
  target: GraphBuilder,
  values: Map<ValueId, Tensor>,
  copy: (nodes: readonly Node[]) => void,
): CustomGradientParams {
  const moved: CustomRule = (incoming) => {
    const first = home.nodes.length;
    const stands = incoming.map((gradient) => gradient && home.placeholder(gradient));
    const given = rule(stands);
    for (const [i, stand] of stands.entries()) if (stand !== undefined) values.set(stand.value, incoming[i]!);
    copy(home.nodes.slice(first));
    return given.map((gradient) => gradient && values.get(gradient.value)!);
  };
  return { results, rule: moved, home: target };
}

/** The same value; the gradient stops here. */
export const stopGradient = (x: Tensor): Tensor => customGradient([x], [], () => [])[0]!;

/** The same value; the gradient comes back times −`scale` (Ganin & Lempitsky 2015). */
export const reverseGradient = (x: Tensor, scale = 1): Tensor =>
  customGradient([x], [x], ([g]) => [g && mul(g, -scale)])[0]!;
