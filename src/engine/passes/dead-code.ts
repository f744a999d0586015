/** Drops nodes whose outputs no result needs. */
import { graphResults } from "../graph/graph.ts";
import type { Pass } from "./rewrite.ts";

export const removeDeadCode: Pass = {
  name: "remove dead code",
  apply(graph) {
    const needed = new Set(graphResults(graph));
    const kept = graph.nodes
      .slice()
      .reverse()
      .filter((node) => {
        if (!node.outputs.some((value) => needed.has(value))) return false;
        for (const value of node.inputs) needed.add(value);
        return true;
      });
    return { ...graph, nodes: kept.reverse() };
  },
};
