/**
 * Caches of keys and values on machine code of our own: rows are written where the cache lies, and attention reads what was
 * written (`x64/attention`). Other processors, head sizes and biases go the way of `lowerings/cache.ts`.
 */
import koffi from "koffi";
import type { Graph, Node } from "../../graph/graph.ts";
import type { CacheAttentionParams } from "../../ops/cache.ts";
import { type Assembler, gpr, type Label } from "../x64/assembler.ts";
import { type AttentionShape, chunks, emitAttention, scratchBytes } from "../x64/attention/attention.ts";
import { supportsAvx512 } from "../x64/avx512.ts";
import { createInstructions } from "../x64/quantized/instructions.ts";
import { customDomain } from "./custom-ops.ts";
import type { DynamicOp, Frame } from "./dynamic-op.ts";
import type { Lowering } from "./lowering.ts";
import { allocate, free, type NativeBuffer } from "./memory.ts";

export interface AttentionPlan {
  /** Lowers what the plan has; the others go to `otherwise`. */
  lowering(otherwise: Lowering): Lowering;
  /** The custom ops, to be called once. */
  ops(): DynamicOp[];
}

/** Plans for a graph; without one, or on another processor, the plan is empty. */
export function planAttention(graph: Graph | undefined): AttentionPlan {
  const names = new Map<Node, string>();
  const writes = new Map<string, readonly number[]>();
  const reads = new Map<string, AttentionShape>();
  for (const node of graph === undefined || !supportsAvx512() ? [] : graph.nodes) {
    if (node.op === "cacheWrite") {
      const { shape, dtype } = graph!.types[node.inputs[0]!]!;
      if (dtype !== "float32" || !shape.every((size) => typeof size === "number")) continue;
      names.set(node, `CacheWrite_${shape.join("x")}`);
      writes.set(names.get(node)!, shape as readonly number[]);
    }
    if (node.op === "cacheAttention") {
      const shape = attentionShape(graph!, node);
      if (shape === undefined) continue;
      names.set(node, `CacheAttention_${Object.values(shape).join("_")}`);
      reads.set(names.get(node)!, shape);
    }
  }
  return {
    lowering: (otherwise) => (lower, node, inputs) => {
      const name = names.get(node);
      return name === undefined ? otherwise(lower, node, inputs) : [lower.emit(name, inputs, { domain: customDomain })];
    },
    ops() {
      const shapes = [...reads.values()];
      if (shapes.length === 0) return [...writes].map(([name, shape]) => writeOp(name, shape));
      // Ops of a run come one after another: all may use the same scratch memory.
      const scratch = allocate(chunks * Math.max(...shapes.map(scratchBytes)));
      return [
        ...[...writes].map(([name, shape]) => writeOp(name, shape)),
        ...[...reads].map(([name, shape], i) => attentionOp(name, shape, scratch, i === 0)),
      ];
    },
  };
}

function attentionShape(graph: Graph, node: Node): AttentionShape | undefined {
  const [q, k, v, , bias] = node.inputs.map((value) => graph.types[value]!.shape);
  const { scale, causal } = node.params as CacheAttentionParams;
  const [H, D] = [q![1]!, q![3]!];
  const [, G, S] = k!;
  if (![H, D, G, S].every((size) => typeof size === "number") || v![3] !== D || Number(D) % 32 !== 0) return undefined;
  const shape = {
    headsPerGroup: Number(H) / Number(G),
    groups: Number(G),
    capacity: Number(S),
    headSize: Number(D),
    scale,
    causal,
  };
  if (bias === undefined) return { ...shape, bias: "none" };
  // [S] is not enough: rows of the bias are addressed by token.
  const whole = bias.at(-1) === S && bias.at(-2) === q![2];
  if (!whole || bias.slice(1, -2).some((size) => size !== 1)) return undefined;
  if (bias.length === 2 || (bias.length === 4 && bias[0] === 1)) return { ...shape, bias: "shared" };
  return bias.length === 4 && bias[0] === q![0] ? { ...shape, bias: "batch" } : undefined;
}

function attentionOp(name: string, shape: AttentionShape, scratch: NativeBuffer, ownsScratch: boolean): DynamicOp {
  return {
    kind: "dynamic",
    name,
    inputs: [
      { dtype: "float32", rank: 4 },
      { dtype: "float32" },
      { dtype: "float32" },
      { dtype: "int64" },
      ...(shape.bias === "none" ? [] : [{ dtype: "float32" as const }]),
    ],
    outputs: [{ dtype: "float32", shape: [0, 1, 2, 3].map((axis) => ({ input: 0, axis })) }],
    inPlace: [],
    functions(assembler, frame) {
      const offsets = {
        query: frame.input(0),
        key: frame.input(1),
        value: frame.input(2),
        start: frame.input(3),
        bias: frame.input(4),
        output: frame.output(0),
        batch: frame.size(0, 0),
        length: frame.size(0, 2),
      };
      const chunk = emitAttention(assembler, shape, offsets, BigInt(koffi.address(scratch.pointer)));
      return (code) => code.parallel(chunk, chunks);
    },
    ...(ownsScratch ? { release: () => free(scratch) } : {}),
  };
}

/** Inputs cache, new rows [B, G, T, D] and start. */
function writeOp(name: string, sizes: readonly number[]): DynamicOp {
  return {
    kind: "dynamic",
    name,
    inputs: [{ dtype: "float32" }, { dtype: "float32", rank: 4 }, { dtype: "int64" }],
    outputs: [{ dtype: "float32", shape: sizes }],
    inPlace: [{ input: 0, output: 0 }],
    functions(assembler, frame) {
      const copy = emitWrite(assembler, sizes as readonly [number, number, number, number], frame);
      return (code) => code.direct(copy, 0);
    },
  };
}

function emitWrite(assembler: Assembler, [B, G, S, D]: readonly [number, number, number, number], frame: Frame): Label {
  const { rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11 } = gpr;
  const v = createInstructions(assembler);
  const entry = assembler.label();
  assembler.align(16);
  assembler.place(entry);
  assembler.move(r8, rdi);
  const fromFrame = (register: number, offset: number) => assembler.load(register, { base: r8, offset });
  const copyBytes = () => assembler.data(Uint8Array.of(0xf3, 0xa4)); // rep movsb: rcx bytes from rsi to rdi
  const [inPlace, next, done] = [assembler.label(), assembler.label(), assembler.label()];
  fromFrame(rdi, frame.output(0));
  fromFrame(rsi, frame.input(0));
  assembler.compare(rdi, rsi);
  assembler.jump(inPlace, "equal");
  assembler.moveConstant(rcx, B * G * S * D * 4);
  copyBytes();
  assembler.place(inPlace);
  fromFrame(rax, frame.input(2));
  assembler.load(rax, { base: rax }); // start
  assembler.moveConstant(r9, S);
  assembler.compare(rax, r9);
  assembler.jump(done, "aboveOrEqual");
  assembler.subtractRegister(r9, rax); // rows that fit
  fromFrame(r10, frame.size(1, 2));
  assembler.compare(r10, r9);
  assembler.moveIf("below", r9, r10);
  assembler.multiply(r9, r9, D * 4); // bytes to copy a head
  assembler.multiply(r10, r10, D * 4); // bytes between heads of the new rows
  assembler.multiply(rax, rax, D * 4);
  fromFrame(rdx, frame.output(0));
  v.addRegister(rdx, rax);
  fromFrame(rax, frame.input(1));
  assembler.moveConstant(r11, B * G);
  assembler.place(next);
  assembler.move(rdi, rdx);
  assembler.move(rsi, rax);
  assembler.move(rcx, r9);
  copyBytes();
  assembler.add(rdx, S * D * 4);
  v.addRegister(rax, r10);
  assembler.subtract(r11, 1);
  assembler.jump(next, "notEqual");
  assembler.place(done);
  assembler.ret();
  return entry;
}
