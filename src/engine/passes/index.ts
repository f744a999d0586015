/** The passes every backend runs, in order; the graph is verified after each. */
import { bindGraph } from "../graph/bind.ts";
import type { Bindings } from "../graph/dims.ts";
import type { Graph } from "../graph/graph.ts";
import { verify } from "../graph/verify.ts";
import { type Adopts, adoptComposed } from "./adopt-composed.ts";
import { mergeCommonSubexpressions } from "./common-subexpressions.ts";
import { removeDeadCode } from "./dead-code.ts";
import { foldConstants } from "./fold-constants.ts";
import type { Pass } from "./rewrite.ts";
import { schedule } from "./schedule.ts";
import { simplify } from "./simplify.ts";
import { stripCustomGradients } from "./strip-custom-gradients.ts";

export { type Adopts, adoptComposed } from "./adopt-composed.ts";
export { removeDeadCode } from "./dead-code.ts";
export { type FusionLimits, fuseElementwise } from "./fuse-elementwise.ts";
export { fuseMatmulAdd, type MatmulAddLimits } from "./fuse-matmul-add.ts";
export { checkedNodes, type IndexLimit, indexLimits } from "./index-limits.ts";
export { bytesOf, inPlaceState, lastUses, peakBytes } from "./liveness.ts";
export { type Pass, Rewriter } from "./rewrite.ts";
export { schedule } from "./schedule.ts";

/** Applies passes one after another. @throws CongError `BROKEN_GRAPH` naming the pass that broke the graph. */
export function runPasses(
  graph: Graph,
  passes: readonly Pass[],
  onStep: (name: string, milliseconds: number) => void = () => {},
): Graph {
  return passes.reduce((current, pass) => {
    const start = performance.now();
    const next = verify(pass.apply(current), `pass "${pass.name}"`);
    onStep(pass.name, performance.now() - start);
    return next;
  }, graph);
}

/** Applies a pass to the bodies of loops first, then to the graph around them. */
function withBodies(pass: Pass): Pass {
  const apply = (graph: Graph): Graph => {
    const nodes = graph.nodes.map((node) => {
      const params = node.params as { readonly body?: Graph };
      return params.body === undefined ? node : { ...node, params: { ...params, body: apply(params.body) } };
    });
    return pass.apply({ ...graph, nodes });
  };
  return { name: pass.name, apply };
}

/** Binds sizes, removes what is not needed and orders the rest. @param adopts pieces a backend has as one op; default none */
export function optimize(
  graph: Graph,
  bindings: Bindings = {},
  onStep?: (name: string, milliseconds: number) => void,
  adopts?: Adopts,
): Graph {
  const bound = verify(bindGraph(verify(graph, "the model"), bindings), "binding sizes");
  return runPasses(
    bound,
    [
      stripCustomGradients,
      adoptComposed(adopts),
      removeDeadCode,
      foldConstants,
      mergeCommonSubexpressions,
      simplify,
      removeDeadCode,
      simplify,
      mergeCommonSubexpressions,
      removeDeadCode,
      schedule,
    ].map(withBodies),
    onStep,
  );
}
