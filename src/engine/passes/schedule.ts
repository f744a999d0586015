/**
 * Chooses the order in which nodes run, by the memory it needs.
 *
 * Two orders are tried: the order of the trace, and "as late as possible", in which each node runs just before its
 * first reader (which frees a gradient as soon as the optimiser has used it). The one with the lower peak wins; ties
 * keep the trace order.
 */
import { type Graph, graphResults, type Node, type ValueId } from "../graph/graph.ts";
import { peakBytes } from "./liveness.ts";
import type { Pass } from "./rewrite.ts";

export const schedule: Pass = {
  name: "schedule",
  apply(graph) {
    const late = asLateAsPossible(graph);
    return peakBytes(late, graph) < peakBytes(graph.nodes, graph) ? { ...graph, nodes: late } : graph;
  },
};

/** Depth-first from the results, in the order the trace computed them. */
function asLateAsPossible(graph: Graph): Node[] {
  const producers = new Map<ValueId, number>();
  graph.nodes.forEach((node, i) => {
    for (const value of node.outputs) producers.set(value, i);
  });
  const ordered: Node[] = [];
  const done = new Set<number>();
  const roots = graphResults(graph).flatMap((value) => producers.get(value) ?? []);
  // An explicit stack: graphs are deeper than the call stack.
  const stack = [...new Set(roots)].sort((a, b) => b - a).map((index) => ({ index, entered: false }));
  while (stack.length > 0) {
    const { index, entered } = stack.pop()!;
    if (done.has(index)) continue;
    const node = graph.nodes[index]!;
    if (entered) {
      done.add(index);
      ordered.push(node);
      continue;
    }
    stack.push({ index, entered: true });
    const inputs = node.inputs.flatMap((value) => producers.get(value) ?? []).filter((i) => !done.has(i));
    for (const i of [...new Set(inputs)].sort((a, b) => b - a)) stack.push({ index: i, entered: false });
  }
  return ordered;
}
