/**
 * Makes onnxruntime keep our order of the large matrix products.
 *
 * onnxruntime runs nodes depth-first from the last result. Left alone it computes the gradients of all activations
 * first and those of all weights afterwards, so that every gradient of an activation stays alive to the end and is
 * out of the caches when it is read again. A barrier that waits for the previous product costs three nodes that move no
 * data, and makes the order of the products that of the schedule.
 */
import { bytesPerElement } from "../../graph/dtype.ts";
import type { Graph, Node, TensorType, ValueId } from "../../graph/graph.ts";
import { barrierOp } from "../../ops/select.ts";
import { type Pass, Rewriter } from "../../passes/index.ts";

/** Products that read or write less are not worth a barrier. */
const smallest = 1 << 20; // bytes

export const pinOrder: Pass = {
  name: "pin order",
  apply(graph) {
    const rewriter = new Rewriter(graph);
    const sources = new Set([...graph.state, ...graph.constants].map(({ value }) => value));
    // The pinned products form one chain, so "depends on product k" means "depends on all up to k".
    const reached = new Map<ValueId, number>();
    let products = 0;
    let last: ValueId | undefined;
    for (const node of graph.nodes) {
      const own = Math.max(0, ...node.inputs.map((value) => reached.get(value) ?? 0));
      if (!isLargeProduct(graph, node)) {
        rewriter.keep(node);
        for (const value of node.outputs) reached.set(value, own);
        continue;
      }
      const waiting = node.inputs.findIndex((value) => !sources.has(value));
      if (last === undefined || own === products || waiting < 0) rewriter.keep(node);
      else {
        const held = rewriter.add(barrierOp, [node.inputs[waiting]!, last], {}, node);
        rewriter.keep({ ...node, inputs: node.inputs.with(waiting, held) });
      }
      last = node.outputs[0]!;
      products++;
      reached.set(last, products);
    }
    return rewriter.finish();
  },
};

function isLargeProduct(graph: Graph, node: Node): boolean {
  if (node.op !== "matmul" && node.op !== "matmulAdd") return false;
  return [...node.inputs, ...node.outputs].some((value) => bytesOf(graph.types[value]!) >= smallest);
}

/** 0 for sizes that are not known. */
function bytesOf({ dtype, shape }: TensorType): number {
  if (!shape.every((dim) => typeof dim === "number")) return 0;
  return shape.reduce((product, size) => product * size, bytesPerElement(dtype));
}
