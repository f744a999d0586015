/** Custom gradients have done their work once the backward pass is built: their results are their inputs. */
import { customGradientOp } from "../ops/custom-gradient.ts";
import { type Pass, Rewriter } from "./rewrite.ts";

export const stripCustomGradients: Pass = {
  name: "strip custom gradients",
  apply(graph) {
    const rewriter = new Rewriter(graph);
    for (const node of graph.nodes) {
      if (node.definition !== (customGradientOp as unknown)) {
        rewriter.keep(node);
        continue;
      }
      for (const [i, output] of node.outputs.entries()) rewriter.replace(output, rewriter.resolve(node.inputs[i]!));
    }
    return rewriter.finish();
  },
};
