/**
 * Rows added to rows of a table (the gradient of an embedding) on machine code of our own: in place, a strip of columns a
 * chunk, so that chunks are independent and rows with one index are added in order. onnxruntime's kernel wants an index
 * for every element and works on one thread.
 */
import type { Graph, Node } from "../../graph/graph.ts";
import { checkedNodes } from "../../passes/index.ts";
import { type Assembler, gpr, type Label } from "../x64/assembler.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { createInstructions } from "../x64/quantized/instructions.ts";
import { customDomain } from "./custom-ops.ts";
import type { DynamicOp, Frame } from "./dynamic-op.ts";
import type { Lowering } from "./lowering.ts";

export interface ScatterPlan {
  /** Lowers what the plan has; the others go to `otherwise`. */
  lowering(otherwise: Lowering): Lowering;
  /** The custom ops, to be called once. */
  ops(): DynamicOp[];
}

interface ScatterShape {
  /** Rows and columns of the table. */
  readonly rows: number;
  readonly columns: number;
  /** Rows that are added. */
  readonly count: number;
  readonly dtype: "int32" | "int64";
}

/** Columns of a chunk. */
const strip = 64;

/** Plans for a graph; without one, or on another processor, the plan is empty. */
export function planScatter(graph: Graph | undefined): ScatterPlan {
  const names = new Map<Node, string>();
  const shapes = new Map<string, ScatterShape>();
  if (graph !== undefined && supportsAvx512()) {
    // Wrong indices would write anywhere; only those of inputs are checked before a run.
    const checked = checkedNodes(graph);
    for (const node of graph.nodes) {
      const shape = checked.has(node) ? shapeOf(graph, node) : undefined;
      if (shape === undefined) continue;
      const name = `ScatterRows_${Object.values(shape).join("_")}`;
      names.set(node, name);
      shapes.set(name, shape);
    }
  }
  return {
    lowering: (otherwise) => (lower, node, inputs) => {
      const name = names.get(node);
      return name === undefined ? otherwise(lower, node, inputs) : [lower.emit(name, inputs, { domain: customDomain })];
    },
    ops: () => [...shapes].map(([name, shape]) => scatterOp(name, shape)),
  };
}

function shapeOf(graph: Graph, node: Node): ScatterShape | undefined {
  if (node.op !== "scatterAdd") return undefined;
  const [table, indices] = node.inputs.map((value) => graph.types[value]!);
  const [rows, columns] = table!.shape;
  const [count] = indices!.shape;
  const dtype = indices!.dtype;
  if (table!.shape.length !== 2 || (node.params as { readonly axis: number }).axis !== 0) return undefined;
  if (typeof rows !== "number" || typeof columns !== "number" || typeof count !== "number") return undefined;
  if (table!.dtype !== "float32" || (dtype !== "int32" && dtype !== "int64")) return undefined;
  if (columns % strip !== 0 || columns > 1 << 20 || rows === 0 || count === 0) return undefined;
  return { rows, columns, count, dtype };
}

const scatterOp = (name: string, shape: ScatterShape): DynamicOp => ({
  kind: "dynamic",
  name,
  inputs: [{ dtype: "float32" }, { dtype: shape.dtype }, { dtype: "float32" }],
  outputs: [{ dtype: "float32", shape: [shape.rows, shape.columns] }],
  inPlace: [{ input: 0, output: 0 }],
  functions(assembler, frame) {
    const chunk = emitStrip(assembler, shape, frame);
    return (code) => code.parallel(chunk, shape.columns / strip);
  },
});

/** `void strip(void *frame, size_t index)` */
function emitStrip(assembler: Assembler, { rows, columns, count, dtype }: ScatterShape, frame: Frame): Label {
  const { rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11 } = gpr;
  const v = createInstructions(assembler);
  const entry = assembler.label();
  const [next, skip, nextCopy, inPlace] = [0, 0, 0, 0].map(() => assembler.label());
  const vectors = [0, 64, 128, 192]; // bytes
  assembler.align(16);
  assembler.place(entry);
  assembler.move(r8, rdi);
  assembler.multiply(r11, rsi, strip * 4);
  const pointer = (register: number, offset: number) => {
    assembler.load(register, { base: r8, offset });
    v.addRegister(register, r11);
  };
  pointer(rdi, frame.output(0));
  pointer(rdx, frame.input(0));
  pointer(rsi, frame.input(2));
  assembler.load(r9, { base: r8, offset: frame.input(1) });
  assembler.compare(rdi, rdx);
  assembler.jump(inPlace!, "equal");
  assembler.move(rax, rdi);
  assembler.moveConstant(r10, rows);
  assembler.place(nextCopy!);
  vectors.forEach((offset, i) => {
    v.unary("load", i, { base: rdx, offset });
    v.store({ base: rax, offset }, i);
  });
  assembler.add(rdx, columns * 4);
  assembler.add(rax, columns * 4);
  assembler.subtract(r10, 1);
  assembler.jump(nextCopy!, "notEqual");
  assembler.place(inPlace!);
  assembler.moveConstant(r10, count);
  assembler.moveConstant(rcx, rows);
  assembler.place(next!);
  if (dtype === "int64") assembler.load(rax, { base: r9 });
  else assembler.data(Uint8Array.of(0x41, 0x8b, 0x01)); // mov eax, [r9]
  assembler.compare(rax, rcx);
  assembler.jump(skip!, "aboveOrEqual"); // refused before the run; a second lock on memory that is not ours
  assembler.multiply(rax, rax, columns * 4);
  v.addRegister(rax, rdi);
  vectors.forEach((offset, i) => {
    v.unary("load", i, { base: rsi, offset });
    v.binary("addFloats", i, i, { base: rax, offset });
    v.store({ base: rax, offset }, i);
  });
  assembler.place(skip!);
  assembler.add(r9, dtype === "int64" ? 8 : 4);
  assembler.add(rsi, columns * 4);
  assembler.subtract(r10, 1);
  assembler.jump(next!, "notEqual");
  assembler.data(Uint8Array.of(0xc5, 0xf8, 0x77)); // vzeroupper
  assembler.ret();
  return entry;
}
