/** Fused elementwise programs: one custom op each, compiled by `custom-ops.ts`. */
import type { FusedParams } from "../../../ops/fused.ts";
import { customDomain, customOpName } from "../custom-ops.ts";
import type { LoweringTable } from "../lowering.ts";

export const fused = {
  fused: (lower, node, inputs) => {
    const params = node.params as FusedParams;
    const shapes = inputs.map((_, i) => lower.inputType(i).shape);
    return lower.emitAll(customOpName(params, shapes), inputs, {
      domain: customDomain,
      outputs: params.results.length,
    });
  },
} as const satisfies LoweringTable;
