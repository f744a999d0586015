/**
 * Sums with a matrix product become one node: a product is written once, and an addition that a backend does while it
 * writes saves two passes over memory. Residual connections and the bias of attention scores are of this kind.
 */
import type { Graph, Node, ValueId } from "../graph/graph.ts";
import { type Shape, sameShape } from "../graph/shape.ts";
import type { MatmulParams } from "../ops/matmul.ts";
import { addendLayout, matmulAddOp } from "../ops/matmul-add.ts";
import { reshapeOp } from "../ops/movement.ts";
import { countUses, type Pass, Rewriter } from "./rewrite.ts";

export interface MatmulAddLimits {
  /** Whether the backend can add to this product. */
  accepts(graph: Graph, product: Node): boolean;
}

/** The products themselves are left for `removeDeadCode`. */
export function fuseMatmulAdd(limits: MatmulAddLimits): Pass {
  return {
    name: "fuse matmul and add",
    apply(graph: Graph) {
      const rewriter = new Rewriter(graph);
      const uses = countUses(graph);
      const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)));
      /** The product behind a value that nobody else reads, perhaps under another shape. */
      const productOf = (value: ValueId): Node | undefined => {
        if (uses.get(value) !== 1) return undefined;
        const node = producers.get(value);
        if (node?.op === "reshape") return productOf(node.inputs[0]!);
        return node?.op === "matmul" && limits.accepts(graph, node) ? node : undefined;
      };
      for (const node of graph.nodes) {
        if (node.op !== "add" || !fuse(rewriter, graph, node, productOf)) rewriter.keep(node);
      }
      return rewriter.finish();
    },
  };
}

function fuse(rewriter: Rewriter, graph: Graph, node: Node, productOf: (value: ValueId) => Node | undefined): boolean {
  const whole = graph.types[node.outputs[0]!]!.shape;
  const shapeOf = (value: ValueId): Shape => graph.types[value]!.shape;
  for (const [i, value] of node.inputs.entries()) {
    const added = node.inputs[1 - i]!;
    const product = productOf(value);
    if (product === undefined || !sameShape(shapeOf(value), whole)) continue;
    const shape = shapeOf(product.outputs[0]!);
    const reshaped = !sameShape(shape, whole);
    // Under another shape only a whole addend can follow.
    if (reshaped ? !sameShape(shapeOf(added), whole) : addendLayout(shape, shapeOf(added)) === undefined) continue;
    if (shape.some((size) => typeof size !== "number")) continue;
    const addend = rewriter.resolve(added);
    const reshape = (from: ValueId, to: Shape) =>
      rewriter.add(reshapeOp, [from], { shape: to as readonly number[] }, node);
    const sum = rewriter.add(
      matmulAddOp,
      [...product.inputs.map((input) => rewriter.resolve(input)), reshaped ? reshape(addend, shape) : addend],
      product.params as MatmulParams,
      node,
    );
    rewriter.replace(node.outputs[0]!, reshaped ? reshape(sum, whole) : sum);
    return true;
  }
  return false;
}
