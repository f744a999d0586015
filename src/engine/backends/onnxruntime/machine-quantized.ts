/**
 * Products with quantised weights on machine code of our own (`x64/quantized`) instead of MatMulNBits.
 *
 * Taken over are products with constant weights in blocks of 32 whose left operand may be rounded to int8. Their weights
 * are packed once and given to no one else. Products with the same left operand become one op: it is rounded once.
 */
import type { HostTensor } from "../../graph/dtype.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import type { QuantizedMatmulParams } from "../../ops/quantized.ts";
import { type Assembler, gpr } from "../x64/assembler.ts";
import { createInstructions } from "../x64/quantized/instructions.ts";
import { tileRows } from "../x64/quantized/kernels.ts";
import { blockInputs } from "../x64/quantized/pack.ts";
import {
  emitProduct,
  emitRounding,
  type ProductFrame,
  productChunks,
  roundedRowBytes,
  roundingChunks,
} from "../x64/quantized/product.ts";
import { supportsVnni } from "../x64/vnni.ts";
import { customDomain } from "./custom-ops.ts";
import { type DynamicOp, type Frame, type FrameCode, mostAxes } from "./dynamic-op.ts";
import type { Lowering } from "./lowering.ts";
import { packedWeights } from "./packed-weights.ts";

export interface QuantizedPlan {
  /** Names of the constants that are packed here, so that onnxruntime need not have them. */
  readonly packed: ReadonlySet<string>;
  /** Lowers the products of the plan; the others go to `otherwise`. */
  lowering(otherwise: Lowering): Lowering;
  /** The custom ops, to be called once. They own the packed weights. */
  ops(): DynamicOp[];
}

/** Products with one left operand, and where their weights are. */
interface Group {
  readonly name: string;
  readonly rank: number;
  readonly columns: number;
  readonly members: readonly Member[];
}

interface Member {
  readonly node: Node;
  readonly codes: string;
  readonly scales: string;
}

/** Plans for a graph; without one, or on another processor, the plan is empty. */
export function planQuantized(
  graph: Graph | undefined,
  constants: Readonly<Record<string, HostTensor>>,
): QuantizedPlan {
  const groups = graph === undefined || !supportsVnni() ? [] : groupProducts(graph);
  const groupOf = new Map(groups.flatMap((group) => group.members.map(({ node }) => [node, group] as const)));
  return {
    packed: graph === undefined ? new Set() : onlyPacked(graph, groupOf),
    lowering(otherwise) {
      const results = new Map<Group, readonly string[]>();
      return (lower, node, inputs) => {
        const group = groupOf.get(node);
        if (group === undefined) return otherwise(lower, node, inputs);
        const outputs = group.members.length + 1; // the last one is the rounded left operand
        const names = results.get(group) ?? lower.emitAll(group.name, [inputs[0]!], { domain: customDomain, outputs });
        results.set(group, names);
        return [names[group.members.findIndex((member) => member.node === node)]!];
      };
    },
    ops: () => groups.map((group) => customOp(group, constants)),
  };
}

function groupProducts(graph: Graph): Group[] {
  const names = new Map(graph.constants.map(({ name, value }) => [value, name]));
  const groups = new Map<string, Group & { readonly members: Member[] }>();
  for (const node of graph.nodes) {
    if (node.op !== "quantizedMatmul") continue;
    const { bits, activations } = node.params as QuantizedMatmulParams;
    const [x, codes, scales] = node.inputs as [number, number, number];
    const [codesName, scalesName] = [names.get(codes), names.get(scales)];
    const [, blocks, bytes] = graph.types[codes]!.shape as [number, number, number];
    const rank = graph.types[x]!.shape.length;
    const fits = activations === "int8" && (bytes * 8) / bits === blockInputs && rank <= mostAxes;
    if (!fits || codesName === undefined || scalesName === undefined) continue;
    const key = `${x} ${bits}`;
    const group = groups.get(key) ?? {
      name: `Quantized${bits}_${groups.size}`,
      rank,
      columns: blocks * blockInputs,
      members: [],
    };
    group.members.push({ node, codes: codesName, scales: scalesName });
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Constants that nobody but these products reads. */
function onlyPacked(graph: Graph, groupOf: ReadonlyMap<Node, Group>): Set<string> {
  const packed = new Set<number>();
  const read = new Set(graph.outputs.map(({ value }) => value));
  for (const { update } of graph.state) if (update !== undefined) read.add(update);
  for (const node of graph.nodes) {
    for (const [i, value] of node.inputs.entries()) (groupOf.has(node) && i > 0 ? packed : read).add(value);
  }
  return new Set(graph.constants.flatMap(({ name, value }) => (packed.has(value) && !read.has(value) ? [name] : [])));
}

function customOp({ name, rank, columns, members }: Group, constants: Readonly<Record<string, HostTensor>>): DynamicOp {
  const { bits } = members[0]!.node.params as QuantizedMatmulParams;
  let weights = members.map(({ codes, scales }) => packedWeights(constants[codes]!, constants[scales]!, bits));
  const leading = Array.from({ length: rank - 1 }, (_, axis) => ({ input: 0, axis }));
  return {
    kind: "dynamic",
    name,
    inputs: [{ dtype: "float32", rank }],
    outputs: [
      ...weights.map(({ layout }) => ({ dtype: "float32" as const, shape: [...leading, layout.rows] })),
      { dtype: "uint8", shape: [...leading, roundedRowBytes(columns)] },
    ],
    words: 1,
    inPlace: [],
    functions(assembler, frame) {
      const places: ProductFrame = {
        input: frame.input(0),
        records: frame.output(members.length),
        rows: frame.word(0),
      };
      const parts = weights.map(({ layout, address }, i) => ({
        layout,
        packed: address,
        output: frame.output(i),
      }));
      const round = emitRounding(assembler, columns, bits, places);
      const multiply = emitProduct(assembler, parts, places);
      return (code) => {
        countRows(assembler, code, frame, rank);
        emitRoundingCalls(assembler, code, frame, round);
        code.parallel(multiply, productChunks(parts));
      };
    },
    release() {
      weights = []; // kept until here, because the code has their addresses
    },
  };
}

/** Frame word 0 = M, the product of all sizes of the left operand but the last. */
function countRows(assembler: Assembler, { base }: FrameCode, frame: Frame, rank: number): void {
  const v = createInstructions(assembler);
  const { rax, rcx } = gpr;
  assembler.moveConstant(rax, 1);
  for (let axis = 0; axis < rank - 1; axis++) {
    assembler.load(rcx, { base, offset: frame.size(0, axis) });
    v.multiplyRegister(rax, rcx);
  }
  assembler.store({ base, offset: frame.word(0) }, rax);
}

/** A few rows are rounded at once, many by all threads. */
function emitRoundingCalls(
  assembler: Assembler,
  code: FrameCode,
  frame: Frame,
  round: Parameters<FrameCode["direct"]>[0],
): void {
  const { rax } = gpr;
  const [many, done] = [assembler.label(), assembler.label()];
  assembler.load(rax, { base: code.base, offset: frame.word(0) });
  assembler.compareConstant(rax, tileRows + 1);
  assembler.jump(many, "aboveOrEqual");
  code.direct(round, 0);
  assembler.jump(done);
  assembler.place(many);
  code.parallel(round, roundingChunks);
  assembler.place(done);
}
