/**
 * Reverse-mode differentiation: turns a loss into more graph.
 *
 * The walk goes backwards over the nodes between the wanted tensors and the loss, asks each op's rule for the
 * gradients of its inputs, and adds up what arrives at a value from several uses. Rules are built from ops, so the
 * result can be differentiated again.
 */
import { CongError } from "../../support/errors.ts";
import type { GraphBuilder, Tensor } from "../graph/builder.ts";
import type { Node, ValueId } from "../graph/graph.ts";
import { showShape } from "../graph/shape.ts";
import { add } from "../ops/binary.ts";
import { scalar } from "../ops/emit.ts";
import { expand } from "../ops/movement.ts";

/**
 * Gradients of a scalar loss.
 * @returns d loss / d tensor for each wanted tensor; zeros where the loss does not depend on it.
 */
export function gradients(loss: Tensor, wanted: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0 || loss.dtype !== "float32") {
    throw new CongError(
      "NOT_SCALAR",
      `gradients: the loss is ${loss.dtype}${showShape(loss.shape)}, wanted a float32 scalar`,
      { shape: loss.shape },
      "reduce it with mean() or sum()",
    );
  }
  const found = buildGradients([loss], [scalar(loss, 1)], wanted);
  return wanted.map((tensor, i) => found[i] ?? expand(scalar(tensor, 0), tensor.shape));
}

/**
 * Vector–Jacobian product: pulls `seeds`, one per output, back to the wanted tensors.
 * @returns undefined for a tensor that no output depends on.
 */
export function buildGradients(
  outputs: readonly Tensor[],
  seeds: readonly Tensor[],
  wanted: readonly Tensor[],
): (Tensor | undefined)[] {
  const builder = outputs[0]?.builder ?? wanted[0]!.builder;
  const relevant = dependents(builder, wanted);
  const arrived = new Map<ValueId, Tensor>();
  const arrive = (value: ValueId, gradient: Tensor | undefined) => {
    if (gradient === undefined || !relevant.has(value)) return;
    const earlier = arrived.get(value);
    arrived.set(value, earlier === undefined ? gradient : add(earlier, gradient));
  };
  outputs.forEach((output, i) => arrive(output.value, seeds[i]));
  // The rules append nodes while we walk, so the list of the forward pass is fixed first.
  for (const node of builder.nodes.slice().reverse()) {
    const incoming = node.outputs.map((value) => arrived.get(value));
    const needs = node.inputs.map((value) => relevant.has(value));
    if (!incoming.some((gradient) => gradient !== undefined) || !needs.includes(true)) continue;
    const outgoing = builder.scope(backwardScope(node.scope), () => pullBack(builder, node, incoming, needs));
    node.inputs.forEach((value, i) => arrive(value, outgoing[i]));
  }
  return wanted.map((tensor) => arrived.get(tensor.value));
}

function pullBack(
  builder: GraphBuilder,
  node: Node,
  incoming: readonly (Tensor | undefined)[],
  needs: readonly boolean[],
): readonly (Tensor | undefined)[] {
  const { gradient } = node.definition;
  if (typeof gradient !== "function") return [];
  // Most ops have one output and may rely on its gradient being there; the others check for undefined themselves.
  if (node.op !== "customGradient" && node.op !== "scan" && incoming[0] === undefined) {
    throw new CongError(
      "NOT_DIFFERENTIABLE",
      `gradients: only a secondary output of ${node.op} is used by the loss`,
      { op: node.op, scope: node.scope },
      "secondary outputs (row statistics) carry no gradient",
    );
  }
  return gradient({
    inputs: node.inputs.map((value) => builder.tensor(value)),
    outputs: node.outputs.map((value) => builder.tensor(value)),
    gradients: incoming,
    params: node.params,
    needs,
  });
}

const backwardScope = (scope: string): string => `${scope}'`;

/** Float values that depend on a wanted tensor. */
function dependents(builder: GraphBuilder, wanted: readonly Tensor[]): Set<ValueId> {
  const reached = new Set(wanted.map((tensor) => tensor.value));
  for (const node of builder.nodes) {
    if (typeof node.definition.gradient !== "function") continue;
    if (!node.inputs.some((value) => reached.has(value))) continue;
    for (const value of node.outputs) if (builder.types[value]!.dtype !== "bool") reached.add(value);
  }
  return reached;
}
