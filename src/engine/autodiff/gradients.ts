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
import { sameShape, showShape } from "../graph/shape.ts";
import { add } from "../ops/binary.ts";
import { scalar } from "../ops/emit.ts";
import { expand } from "../ops/movement.ts";
import { cast } from "../ops/select.ts";

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
    arrived.set(value, earlier === undefined ? gradient : accumulate(earlier, gradient));
  };
  for (const tensor of [...outputs, ...wanted]) builder.own(tensor);
  for (const [i, output] of outputs.entries()) arrive(output.value, seeds[i]);
  // The rules append nodes while we walk, so the list of the forward pass is fixed first.
  for (const node of builder.nodes.slice().reverse()) {
    const incoming = node.outputs.map((value) => arrived.get(value));
    const needs = node.inputs.map((value) => relevant.has(value));
    if (!incoming.some((gradient) => gradient !== undefined) || !needs.includes(true)) continue;
    const outgoing = builder.onBehalfOf(node, () =>
      builder.scope(backwardScope(node.scope), () => pullBack(builder, node, incoming, needs)),
    );
    checkRule(builder, node, outgoing);
    for (const [i, value] of node.inputs.entries()) arrive(value, outgoing[i]);
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
  return gradient({
    inputs: node.inputs.map((value) => builder.tensor(value)),
    outputs: node.outputs.map((value) => builder.tensor(value)),
    gradients: incoming,
    params: node.params,
    needs,
  });
}

/** Half-precision types only store: their gradients are added in float32. */
function accumulate(a: Tensor, b: Tensor): Tensor {
  return a.dtype === "float32" ? add(a, b) : cast(add(cast(a, "float32"), cast(b, "float32")), a.dtype);
}

/** A gradient of another shape would be broadcast in silence, and the parameter would learn something else. */
function checkRule(builder: GraphBuilder, node: Node, outgoing: readonly (Tensor | undefined)[]): void {
  node.inputs.forEach((value, i) => {
    const [gradient, type] = [outgoing[i], builder.types[value]!];
    if (gradient === undefined || (gradient.dtype === type.dtype && sameShape(gradient.shape, type.shape))) return;
    throw new CongError(
      "BAD_GRADIENT",
      `gradients: the rule of ${node.op} gives ${gradient.dtype}${showShape(gradient.shape)} for input ${i}, which is ${type.dtype}${showShape(type.shape)}`,
      { op: node.op, scope: node.scope, input: i },
      "a gradient has the dtype and shape of what it belongs to; after broadcasting use sumTo()",
    );
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
