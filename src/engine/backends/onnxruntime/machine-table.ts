/** A plan of the driver's tables (`x64/matmul/plan.ts`) as a custom op: its parts are shared among the session's threads. */
import koffi from "koffi";
import { type Assembler, gpr, type Label } from "../x64/assembler.ts";
import { encodeTable, type Plan } from "../x64/matmul/plan.ts";
import type { Routines } from "../x64/matmul/routines.ts";
import type { CustomOp, InPlacePair } from "./custom-ops.ts";
import { allocate, free } from "./memory.ts";

export interface TableOp<B extends string> {
  readonly name: string;
  /** Which base each tensor is: the inputs', then the outputs'. */
  readonly tensors: readonly B[];
  readonly outputs: number;
  /** Of every output. */
  readonly shape: readonly number[];
  readonly inPlace: readonly InPlacePair[];
  readonly plan: Plan<B>;
  /** The place of each base among the pointers; besides tensors they may be `packed`, `scratch` and `constants`. */
  readonly bases: Readonly<Record<B, number>>;
  readonly routines: Routines;
  /** What base `constants` points to. */
  readonly constants?: Int32Array;
  /** What base `packed` points to. */
  readonly packed?: bigint;
  /** Memory of which every part of a phase has its own piece. */
  readonly scratch: { readonly start: bigint; readonly bytes: number };
  /** Called when the op is released. */
  release?(): void;
}

/** Bytes of what one part needs to know: where its table starts and ends, its scratch memory, and a spare word. */
const partBytes = 32;

export function tableOp<B extends string>(op: TableOp<B>): CustomOp {
  const { name, tensors, outputs, shape, inPlace, plan, bases, routines, constants = new Int32Array(0) } = op;
  const phases = plan.map((parts) => parts.map((entries) => encodeTable(entries, routines.addressOf, bases)));
  // One block of native memory: what the parts need to know, the constants, the tables.
  const header = phases.flat().length * partBytes;
  const memory = allocate(
    header + constants.byteLength + phases.flat().reduce((sum, table) => sum + table.byteLength, 0),
  );
  const start = BigInt(koffi.address(memory.pointer));
  const words = new BigUint64Array(memory.memory, 0, header / 8);
  new Int32Array(memory.memory, header, constants.length).set(constants);
  let offset = header + constants.byteLength;
  let part = 0;
  const starts = phases.map((tables) => {
    const first = start + BigInt(part * partBytes);
    tables.forEach((table, i) => {
      new BigInt64Array(memory.memory, offset, table.length).set(table);
      const bounds = [start + BigInt(offset), start + BigInt(offset + table.byteLength)];
      words.set([...bounds, op.scratch.start + BigInt(i * op.scratch.bytes)], (part * partBytes) / 8);
      offset += table.byteLength;
      part++;
    });
    return { parts: first, chunks: tables.length };
  });
  const fixed = { packed: op.packed, constants: start + BigInt(header) };
  const driver = routines.driverAddress();
  return {
    name,
    inputs: tensors.length - outputs,
    outputs,
    shape,
    inPlace,
    emit: (assembler) =>
      starts.map(({ parts, chunks }) => ({
        entry: emitPart(assembler, { parts, fixed, driver, tensors, bases }),
        chunks,
      })),
    release() {
      free(memory);
      op.release?.();
    },
  };
}

interface PartCode {
  readonly parts: bigint;
  readonly fixed: { readonly packed: bigint | undefined; readonly constants: bigint };
  readonly driver: bigint;
  readonly tensors: readonly string[];
  readonly bases: Readonly<Record<string, number>>;
}

/** `void part(void **pointers, size_t index)`: hands the driver one part's table and the base pointers. */
function emitPart(assembler: Assembler, { parts, fixed, driver, tensors, bases }: PartCode): Label {
  const { rax, rcx, rdx, rsp, rbp, rsi, rdi, r8 } = gpr;
  const entry = assembler.label();
  assembler.align(16);
  assembler.place(entry);
  assembler.push(rbp);
  assembler.move(rbp, rsp);
  assembler.subtract(rsp, Math.ceil(Object.keys(bases).length / 2) * 16); // calls want a multiple of 16
  const setBase = (base: string, from: number) => assembler.store({ base: rsp, offset: 8 * bases[base]! }, from);
  tensors.forEach((base, i) => {
    assembler.load(rax, { base: rdi, offset: 8 * i });
    setBase(base, rax);
  });
  for (const [base, address] of Object.entries(fixed)) {
    if (address === undefined || bases[base] === undefined) continue;
    assembler.moveConstant(rax, address);
    setBase(base, rax);
  }
  assembler.multiply(rsi, rsi, partBytes);
  assembler.moveConstant(rax, parts);
  assembler.load(rcx, { base: rax, index: rsi, offset: 16 });
  setBase("scratch", rcx);
  assembler.load(rdi, { base: rax, index: rsi });
  assembler.load(r8, { base: rax, index: rsi, offset: 8 });
  assembler.move(rsi, r8);
  assembler.move(rdx, rsp);
  assembler.moveConstant(rax, driver);
  assembler.callRegister(rax);
  assembler.move(rsp, rbp);
  assembler.pop(rbp);
  assembler.ret();
  return entry;
}
