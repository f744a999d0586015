/** The passes every backend runs, in order; the graph is verified after each. */
import { bindGraph } from "../graph/bind.ts";
import type { Bindings } from "../graph/dims.ts";
import type { Graph } from "../graph/graph.ts";
import { verify } from "../graph/verify.ts";
import { mergeCommonSubexpressions } from "./common-subexpressions.ts";
import { removeDeadCode } from "./dead-code.ts";
import { foldConstants } from "./fold-constants.ts";
import type { Pass } from "./rewrite.ts";
import { schedule } from "./schedule.ts";
import { simplify } from "./simplify.ts";
import { stripCustomGradients } from "./strip-custom-gradients.ts";

export { bytesOf, inPlaceState, lastUses, peakBytes } from "./liveness.ts";
export { type Pass, Rewriter } from "./rewrite.ts";

/** Applies passes one after another. @throws CongError `BROKEN_GRAPH` naming the pass that broke the graph. */
export function runPasses(graph: Graph, passes: readonly Pass[], onStep: (name: string, milliseconds: number) => void = () => {}): Graph {
  return passes.reduce((current, pass) => {
    const start = performance.now();
    const next = verify(pass.apply(current), `pass "${pass.name}"`);
    onStep(pass.name, performance.now() - start);
    return next;
  }, graph);
}

/** Binds sizes, removes what is not needed and orders the rest. */
export function optimize(graph: Graph, bindings: Bindings = {}, onStep?: (name: string, milliseconds: number) => void): Graph {
  const bind: Pass = { name: "bind sizes", apply: (unbound) => bindGraph(unbound, bindings) };
  verify(graph, "the model");
  return runPasses(
    graph,
    [
      bind,
      stripCustomGradients,
      removeDeadCode,
      foldConstants,
      mergeCommonSubexpressions,
      simplify,
      removeDeadCode,
      simplify,
      mergeCommonSubexpressions,
      removeDeadCode,
      schedule,
    ],
    onStep,
  );
}
