/** Causal attention over whole sequences, forward and backward, on machine code of our own (`x64/attention-training`). */
import koffi from "koffi";
import type { Graph, Node } from "../../graph/graph.ts";
import type { CausalAttentionParams } from "../../ops/causal-attention.ts";
import type { ComposedParams } from "../../ops/composed.ts";
import {
  type AttentionShape,
  attentionScratchBytes,
  backwardBases,
  forwardBases,
  mostParts,
  planBackward,
  planForward,
} from "../x64/attention-training/plan.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { createRoutines } from "../x64/matmul/routines.ts";
import type { CustomOp } from "./custom-ops.ts";
import type { Lowering } from "./lowering.ts";
import { tableOp } from "./machine-table.ts";
import { allocate, free } from "./memory.ts";

/** Below this many multiplications a product of the scores is left to the other ops. */
const smallestWork = 1 << 21;
/** Weights and their gradients for one head should not leave the caches by far. */
const longest = 1024;

/** Whether machine code has a composed piece as one op. */
export function adoptsAttention(graph: Graph, node: Node): boolean {
  if (!supportsAvx512()) return false;
  const { results } = node.params as ComposedParams;
  const shapes = node.inputs.slice(results).map((value) => graph.types[value]!.shape);
  const [q] = shapes as [readonly number[]];
  if (q.some((size) => typeof size !== "number")) return false;
  // Key heads shared by query heads, and more keys than queries, go the other way.
  if (shapes.some((shape) => shape.some((size, axis) => size !== q[axis]))) return false;
  const [B, H, T, D] = q as [number, number, number, number];
  return T % 32 === 0 && D % 32 === 0 && T <= longest && B * H * T * T * D >= smallestWork;
}

/** The nodes are made only by `adopt-composed`, which asked `adoptsAttention`. */
function isAttention(node: Node): boolean {
  return node.op === "causalAttention" || node.op === "causalAttentionGradient";
}

function shapeOf(graph: Graph, node: Node): AttentionShape {
  const [batch, length, heads, headSize] = graph.types[node.inputs[0]!]!.shape as [number, number, number, number];
  return { batch, length, heads, headSize, scale: (node.params as CausalAttentionParams).scale };
}

const opName = (node: Node, shape: AttentionShape): string => `${node.op}_${Object.values(shape).join("_")}`;

export const trainingAttentionLowering =
  (domain: string): Lowering =>
  (lower, node, inputs) =>
    lower.emitAll(opName(node, shapeOf(lower.graph, node)), inputs, { domain, outputs: node.outputs.length });

/** Custom ops for all attention of graphs. */
export function trainingAttentionOps(graphs: readonly Graph[]): CustomOp[] {
  const found = graphs.flatMap((graph) =>
    graph.nodes.filter(isAttention).map((node) => ({ node, shape: shapeOf(graph, node) })),
  );
  const nodes = new Map(found.map((entry) => [opName(entry.node, entry.shape), entry] as const));
  if (nodes.size === 0) return [];
  const shapes = [...nodes.values()].map(({ shape }) => shape);
  // Ops of a run come one after another: all may use the same scratch memory.
  const bytes = Math.max(...shapes.map(attentionScratchBytes));
  const memory = allocate(mostParts * bytes);
  const routines = createRoutines();
  const release = () => {
    free(memory);
    routines.release();
  };
  const scratch = { start: BigInt(koffi.address(memory.pointer)), bytes };
  return [...nodes].map(([name, { node, shape: attention }], i) => {
    const { batch, length, heads, headSize } = attention;
    const forward = node.op === "causalAttention";
    const order: readonly string[] = forward ? forwardBases : backwardBases;
    return tableOp<string>({
      name,
      tensors: order.slice(0, -1),
      outputs: node.outputs.length,
      shape: [batch, length, heads, headSize],
      inPlace: [],
      plan: forward ? planForward(attention) : planBackward(attention),
      bases: Object.fromEntries(order.map((base, index) => [base, index])),
      routines,
      scratch,
      ...(i === 0 ? { release } : {}),
    });
  });
}
