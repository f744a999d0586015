/**
 * Composed pieces of graph either become the one op that a backend has for them, or dissolve into what they were
 * composed of. What an adopted piece no longer reads is left for `removeDeadCode`.
 */
import type { Graph, Node } from "../graph/graph.ts";
import { causalAttentionGradientOp, causalAttentionOp } from "../ops/causal-attention.ts";
import { type ComposedParams, composedOp } from "../ops/composed.ts";
import { transposeOp } from "../ops/movement.ts";
import { type Pass, Rewriter } from "./rewrite.ts";

/** Whether a backend has this piece, with these operands, as one op. */
export type Adopts = (graph: Graph, node: Node) => boolean;

/** @param adopts default: nothing is adopted */
export function adoptComposed(adopts: Adopts = () => false): Pass {
  return {
    name: "adopt composed",
    apply(graph: Graph) {
      const rewriter = new Rewriter(graph);
      for (const node of graph.nodes) {
        if (node.definition !== (composedOp as unknown)) rewriter.keep(node);
        else if (adopts(graph, node)) adopt(rewriter, node);
        else
          for (const [i, output] of node.outputs.entries()) rewriter.replace(output, rewriter.resolve(node.inputs[i]!));
      }
      return rewriter.finish();
    },
  };
}

/** Heads are side by side in the op and apart in the piece; `simplify` lets these transposes cancel with their neighbours. */
function adopt(rewriter: Rewriter, node: Node): void {
  const { piece, results, scale } = node.params as ComposedParams;
  const swap = (value: number) => rewriter.add(transposeOp, [value], { order: [0, 2, 1, 3] }, node);
  const operands = node.inputs.slice(results).map((value) => swap(rewriter.resolve(value)));
  const op = piece === "causalAttention" ? causalAttentionOp : causalAttentionGradientOp;
  const made = rewriter.producers.get(rewriter.add(op, operands, { scale }, node))!;
  for (const [i, output] of node.outputs.entries()) rewriter.replace(output, swap(made.outputs[i]!));
}
