/**
 * Merges nodes that compute the same thing. Gradient rules count on it: they write forward values down again instead
 * of passing them around. Nodes of different regions stay apart, or recomputation would be undone.
 */
import type { HostTensor } from "../graph/dtype.ts";
import type { Graph, Node, ValueId } from "../graph/graph.ts";
import { type Pass, Rewriter } from "./rewrite.ts";

export const mergeCommonSubexpressions: Pass = {
  name: "merge common subexpressions",
  apply(graph: Graph) {
    const rewriter = new Rewriter(graph);
    const seen = new Map<string, Node>();
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((value) => rewriter.resolve(value));
      const key = keyOf(node, inputs);
      const twin = key === undefined ? undefined : seen.get(key);
      if (twin !== undefined) {
        for (const [i, output] of node.outputs.entries()) rewriter.replace(output, twin.outputs[i]!);
        continue;
      }
      if (key !== undefined) seen.set(key, node);
      rewriter.keep(node);
    }
    return rewriter.finish();
  },
};

/** Equal keys mean equal nodes; undefined for nodes that are never merged. */
function keyOf(node: Node, inputs: readonly ValueId[]): string | undefined {
  const params = Object.values(node.params as Record<string, unknown>).map(paramKey);
  if (params.includes(undefined)) return undefined;
  return [node.op, node.region ?? "", inputs.join(), params.join()].join(";");
}

function paramKey(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null)
    return typeof value === "function" ? undefined : JSON.stringify(value);
  if (Array.isArray(value)) return JSON.stringify(value);
  if (!("data" in value)) return undefined; // subgraphs
  const { dtype, shape, data } = value as HostTensor;
  return data.length > 64 ? undefined : `${dtype}[${shape}](${data.join()})`;
}
