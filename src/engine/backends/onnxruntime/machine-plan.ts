/** All ops of a graph whose sizes are known only when they run and that machine code of our own takes over. */
import type { HostTensor } from "../../graph/dtype.ts";
import type { Graph } from "../../graph/graph.ts";
import type { DynamicOp } from "./dynamic-op.ts";
import type { LoweringTable } from "./lowering.ts";
import type { lowerings } from "./lowerings/index.ts";
import { planAttention } from "./machine-attention.ts";
import { planQuantized } from "./machine-quantized.ts";
import { planScatter } from "./machine-scatter.ts";

export interface MachinePlan {
  /** Names of constants that the ops hold themselves, so that onnxruntime need not have them. */
  readonly packed: ReadonlySet<string>;
  /** `table` with the rows replaced that the plan has a part in. */
  lowerings(table: typeof lowerings): LoweringTable;
  /** The custom ops, to be called once. They own what they hold. */
  ops(): DynamicOp[];
}

/** Plans for a graph; without one, the plan is empty. */
export function planMachineOps(graph: Graph | undefined, constants: Readonly<Record<string, HostTensor>>): MachinePlan {
  const quantized = planQuantized(graph, constants);
  const attention = planAttention(graph);
  const scatter = planScatter(graph);
  return {
    packed: quantized.packed,
    lowerings: (table) => ({
      ...table,
      quantizedMatmul: quantized.lowering(table.quantizedMatmul),
      cacheWrite: attention.lowering(table.cacheWrite),
      cacheAttention: attention.lowering(table.cacheAttention),
      scatterAdd: scatter.lowering(table.scatterAdd),
    }),
    ops: () => [...quantized.ops(), ...attention.ops(), ...scatter.ops()],
  };
}
