/**
 * Large matrix products on machine code of our own instead of onnxruntime's kernels.
 *
 * onnxruntime's product is at its best for one layout; for a transposed left operand, which every weight gradient has,
 * it loses a third. Ours packs both operands in any layout (`x64/matmul`). Products with a constant right operand stay
 * with onnxruntime, which packs those once and for all.
 */
import koffi from "koffi";
import type { Graph, Node } from "../../graph/graph.ts";
import type { Shape } from "../../graph/shape.ts";
import type { MatmulParams } from "../../ops/matmul.ts";
import { addendLayout } from "../../ops/matmul-add.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import {
  bases,
  type MatmulShape,
  mostOfBatchB,
  mostParts,
  packedBytes,
  planMatmul,
  rowDistances,
  scratchBytes,
} from "../x64/matmul/plan.ts";
import { createRoutines, type Routines } from "../x64/matmul/routines.ts";
import type { CustomOp } from "./custom-ops.ts";
import type { Lowering } from "./lowering.ts";
import { tableOp } from "./machine-table.ts";
import { allocate, free, type NativeBuffer } from "./memory.ts";

/** Below this many multiplications the calls cost more than they save. */
const smallestWork = 1 << 21;
const smallestRows = 32;
const lanes = 16;
/** Most elements of a row: fourteen of them are a displacement of 32 bits. */
const longestRow = 1 << 25;

/** The shape of a product that machine code takes over, or undefined. */
export function machineMatmulShape(graph: Graph, node: Node): MatmulShape | undefined {
  if ((node.op !== "matmul" && node.op !== "matmulAdd") || !supportsAvx512()) return undefined;
  const [a, b, c] = node.inputs.map((value) => graph.types[value]!.shape);
  if (graph.constants.some(({ value }) => value === node.inputs[1])) return undefined;
  if (![...a!, ...b!].every((dim) => typeof dim === "number")) return undefined;
  const [left, right] = [a as readonly number[], b as readonly number[]];
  const outer = left.slice(0, -2);
  if (right.length !== left.length || outer.some((size, i) => size !== right[i])) return undefined;
  const { transposeA, transposeB, scale } = node.params as MatmulParams;
  const [rows, inner] = transposeA ? [left.at(-1)!, left.at(-2)!] : [left.at(-2)!, left.at(-1)!];
  const columns = transposeB ? right.at(-2)! : right.at(-1)!;
  const batch = outer.reduce((product, size) => product * size, 1);
  if (columns % lanes !== 0 || rows < smallestRows || batch * rows * inner * columns < smallestWork) return undefined;
  if (batch > 1 && inner * columns > mostOfBatchB) return undefined;
  if (Math.max(rows, inner, columns) > longestRow) return undefined;
  const addend = c === undefined ? undefined : addendLayout([...outer, rows, columns], c);
  return {
    rows,
    inner,
    columns,
    transposeA,
    transposeB,
    scale,
    batch,
    ...(addend === undefined ? {} : { addend }),
  };
}

/** Equal products of equal shapes share an op; the output's sizes are in it because the batch may have several axes. */
const opName = ({ inner, transposeA, transposeB, scale, addend }: MatmulShape, output: Shape): string =>
  `Matmul_${output.join("x")}_over_${inner}${transposeA ? "_transposeA" : ""}${transposeB ? "_transposeB" : ""}_${scale}${addend === undefined ? "" : `_plus_${addend}`}`;

/** The lowering of products that machine code takes over; the others go to `otherwise`. */
export function machineMatmulLowering(domain: string, otherwise: Lowering): Lowering {
  return (lower, node, inputs) => {
    const shape = machineMatmulShape(lower.graph, node);
    return shape === undefined
      ? otherwise(lower, node, inputs)
      : [lower.emit(opName(shape, lower.outputType(0).shape), inputs, { domain })];
  };
}

/** The lowering of `matmulAdd`, which exists only where machine code takes over. */
export const matmulAddLowering =
  (domain: string): Lowering =>
  (lower, node, inputs) => {
    const shape = machineMatmulShape(lower.graph, node)!;
    return [lower.emit(opName(shape, lower.outputType(0).shape), inputs, { domain })];
  };

/** Custom ops for all such products of graphs, sharing one scratch memory. */
export function machineMatmulOps(graphs: readonly Graph[]): CustomOp[] {
  const shapes = new Map<string, { shape: MatmulShape; output: readonly number[] }>();
  for (const graph of graphs) {
    for (const node of graph.nodes) {
      const shape = machineMatmulShape(graph, node);
      const output = graph.types[node.outputs[0]!]?.shape as readonly number[];
      if (shape !== undefined) shapes.set(opName(shape, output), { shape, output });
    }
  }
  if (shapes.size === 0) return [];
  // Runs of a program, and ops of a run, come one after another: all may use the same scratch memory.
  const scratch = allocate(packedBytes + mostParts * scratchBytes);
  const routines = createRoutines();
  const release = () => {
    free(scratch);
    routines.release();
  };
  return [...shapes.values()].map(({ shape, output }, i) =>
    customOp(shape, output, { scratch, routines, ...(i === 0 ? { release } : {}) }),
  );
}

/** What all products of a program share; one of them releases it. */
interface Shared {
  readonly scratch: NativeBuffer;
  readonly routines: Routines;
  release?(): void;
}

function customOp(shape: MatmulShape, output: readonly number[], { scratch, routines, release }: Shared): CustomOp {
  const start = BigInt(koffi.address(scratch.pointer));
  return tableOp({
    name: opName(shape, output),
    tensors: shape.addend === undefined ? ["a", "b", "c"] : ["a", "b", "addend", "c"],
    outputs: 1,
    shape: output,
    // Each element of the addend is read just before the result's is written.
    inPlace: shape.addend === "each" ? [{ input: 2, output: 0 }] : [],
    plan: planMatmul(shape),
    bases,
    routines,
    constants: rowDistances(shape),
    packed: start,
    scratch: { start: start + BigInt(packedBytes), bytes: scratchBytes },
    ...(release === undefined ? {} : { release }),
  });
}
