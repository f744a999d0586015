/**
 * Which inputs are indices, and how large they may be. Backends with kernels that accept wrong indices (negative ones
 * count from the end in ONNX) check the values before a run with this.
 */
import type { Dim } from "../graph/dims.ts";
import type { HostTensor } from "../graph/dtype.ts";
import type { Graph, Node, ValueId } from "../graph/graph.ts";

export interface IndexLimit {
  readonly input: string;
  /** Valid are 0 … size − 1. */
  readonly size: Dim;
  /** Values that the graph replaces before it uses the rest as indices, such as −100 for ignored targets. */
  readonly exempt: readonly number[];
  readonly op: string;
  readonly scope: string;
}

const indexing = new Set(["gather", "scatterAdd", "takeAlongAxis", "addAlongAxis"]);
/** Ops that hand on the values of their first input. */
const passing = new Set(["reshape", "barrier", "transpose", "slice", "expand", "cast", "flip"]);

export const indexLimits = (graph: Graph): IndexLimit[] => [...limitsOf(graph).values()];

/** The nodes whose indices are checked before a run, because they come from an input. */
export const checkedNodes = (graph: Graph): ReadonlySet<Node> => new Set(limitsOf(graph).keys());

function limitsOf(graph: Graph): Map<Node, IndexLimit> {
  const producers = new Map<ValueId, Node>();
  for (const node of graph.nodes) for (const value of node.outputs) producers.set(value, node);
  const inputs = new Map(graph.inputs.map(({ name, value }) => [value, name]));
  const limits = graph.nodes.flatMap((node): [Node, IndexLimit][] => {
    if (!indexing.has(node.op)) return [];
    const { axis } = node.params as { readonly axis: number };
    const origin = originOf(node.inputs[1]!, producers);
    const input = inputs.get(origin.value);
    if (input === undefined) return [];
    const size = graph.types[node.inputs[0]!]!.shape[axis]!;
    return [[node, { input, size, exempt: origin.exempt, op: node.op, scope: node.scope }]];
  });
  return new Map(limits);
}

/** Follows a value back to where its numbers come from. */
function originOf(
  value: ValueId,
  producers: ReadonlyMap<ValueId, Node>,
): { readonly value: ValueId; readonly exempt: readonly number[] } {
  const node = producers.get(value);
  if (node !== undefined && passing.has(node.op)) return originOf(node.inputs[0]!, producers);
  const ignored = node?.op === "where" ? ignoredValue(node, producers) : undefined;
  if (ignored === undefined) return { value, exempt: [] };
  const origin = originOf(node!.inputs[1]!, producers);
  return { value: origin.value, exempt: [...origin.exempt, ignored] };
}

/** k of where(not(equal(x, k)), x, …). */
function ignoredValue(node: Node, producers: ReadonlyMap<ValueId, Node>): number | undefined {
  const negation = producers.get(node.inputs[0]!);
  const comparison = negation?.op === "not" ? producers.get(negation.inputs[0]!) : undefined;
  if (comparison?.op !== "equal" || comparison.inputs[0] !== node.inputs[1]) return undefined;
  const literal = producers.get(comparison.inputs[1]!);
  return literal?.op === "constant" ? Number((literal.params as { value: HostTensor }).value.data[0]) : undefined;
}
