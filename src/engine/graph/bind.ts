/** Replaces named sizes of a graph by numbers. Names that are not bound stay. */
import { type Bindings, bindDim } from "./dims.ts";
import type { Graph } from "./graph.ts";

export function bindGraph(graph: Graph, bindings: Bindings): Graph {
  if (Object.keys(bindings).length === 0) return graph;
  return {
    ...graph,
    types: graph.types.map(({ dtype, shape }) => ({ dtype, shape: shape.map((dim) => bindDim(dim, bindings)) })),
    nodes: graph.nodes.map((node) => {
      const { bind } = node.definition;
      return bind === undefined ? node : { ...node, params: bind(node.params, bindings) };
    }),
  };
}
