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
import { type Assembler, gpr, type Label } from "../x64/assembler.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import {
  bases,
  encodeTable,
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

/** Custom ops for all such products of a graph, sharing one scratch memory. */
export function machineMatmulOps(graph: Graph): CustomOp[] {
  const shapes = new Map<string, { shape: MatmulShape; output: readonly number[] }>();
  for (const node of graph.nodes) {
    const shape = machineMatmulShape(graph, node);
    const output = graph.types[node.outputs[0]!]!.shape as readonly number[];
    if (shape !== undefined) shapes.set(opName(shape, output), { shape, output });
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
  const phases = planMatmul(shape).map((parts) => parts.map((entries) => encodeTable(entries, routines.addressOf)));
  const distances = rowDistances(shape);
  const count = phases.flat().length;
  // One block of native memory: for each part where its table starts and ends and its scratch memory; distances; tables.
  const header = count * partBytes;
  const memory = allocate(
    header + distances.byteLength + phases.flat().reduce((sum, table) => sum + table.byteLength, 0),
  );
  const start = BigInt(koffi.address(memory.pointer));
  const shared = BigInt(koffi.address(scratch.pointer));
  const words = new BigUint64Array(memory.memory, 0, header / 8);
  new Int32Array(memory.memory, header, distances.length).set(distances);
  let offset = header + distances.byteLength;
  let part = 0;
  const starts = phases.map((tables) => {
    const first = start + BigInt(part * partBytes);
    tables.forEach((table, i) => {
      new BigInt64Array(memory.memory, offset, table.length).set(table);
      const bounds = [start + BigInt(offset), start + BigInt(offset + table.byteLength)];
      words.set([...bounds, shared + BigInt(packedBytes + i * scratchBytes)], (part * partBytes) / 8);
      offset += table.byteLength;
      part++;
    });
    return { parts: first, chunks: tables.length };
  });
  const constants = start + BigInt(header);
  const driver = routines.driverAddress();
  return {
    name: opName(shape, output),
    inputs: shape.addend === undefined ? 2 : 3,
    outputs: 1,
    shape: output,
    // Each element of the addend is read just before the result's is written.
    inPlace: shape.addend === "each" ? [{ input: 2, output: 0 }] : [],
    emit: (assembler) =>
      starts.map(({ parts, chunks }) => ({
        entry: emitPart(assembler, { parts, constants, packed: shared, driver, adds: shape.addend !== undefined }),
        chunks,
      })),
    release() {
      free(memory);
      release?.();
    },
  };
}

/** Bytes of what one part needs to know: three words and a spare one. */
const partBytes = 32;

/** `void part(void **pointers, size_t index)`: hands the driver one part's table and the base pointers of `plan.ts`. */
function emitPart(
  assembler: Assembler,
  addresses: {
    readonly parts: bigint;
    readonly constants: bigint;
    readonly packed: bigint;
    readonly driver: bigint;
    readonly adds: boolean;
  },
): Label {
  const { rax, rcx, rdx, rsp, rbp, rsi, rdi, r8 } = gpr;
  const entry = assembler.label();
  assembler.align(16);
  assembler.place(entry);
  assembler.push(rbp);
  assembler.move(rbp, rsp);
  assembler.subtract(rsp, 64);
  const setBase = (base: keyof typeof bases, from: number) =>
    assembler.store({ base: rsp, offset: 8 * bases[base] }, from);
  (addresses.adds ? (["a", "b", "addend", "c"] as const) : (["a", "b", "c"] as const)).forEach((base, i) => {
    assembler.load(rax, { base: rdi, offset: 8 * i });
    setBase(base, rax);
  });
  for (const base of ["packed", "constants"] as const) {
    assembler.moveConstant(rax, addresses[base]);
    setBase(base, rax);
  }
  assembler.multiply(rsi, rsi, partBytes);
  assembler.moveConstant(rax, addresses.parts);
  assembler.load(rcx, { base: rax, index: rsi, offset: 16 });
  setBase("scratch", rcx);
  assembler.load(rdi, { base: rax, index: rsi });
  assembler.load(r8, { base: rax, index: rsi, offset: 8 });
  assembler.move(rsi, r8);
  assembler.move(rdx, rsp);
  assembler.moveConstant(rax, addresses.driver);
  assembler.callRegister(rax);
  assembler.move(rsp, rbp);
  assembler.pop(rbp);
  assembler.ret();
  return entry;
}
