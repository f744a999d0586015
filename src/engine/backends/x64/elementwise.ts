/**
 * Compiles the program of a `fused` node to a loop over float32 vectors of eight.
 *
 * The emitted function is `void chunk(void **pointers, size_t index)`: `pointers` are the inputs, then the outputs;
 * `index` says which chunk of the matrix to compute. Sizes are baked in. Per vector, all loads come before all stores,
 * so that an output may be the very buffer of a full-size input.
 *
 * Registers: rdi pointers, rsi row, rcx end of the rows, rax byte offset in the matrix, rdx end of the vectors of a row.
 */
import { CongError } from "../../../support/errors.ts";
import type { FusedLayouts, FusedParams } from "../../ops/fused.ts";
import { type Assembler, type Gpr, gpr, type Label, type Memory } from "./assembler.ts";
import { createPool } from "./constant-pool.ts";
import { compileVector } from "./elementwise-vector.ts";

const lanes = 8;
const vectorBytes = 32;
/** Enough work to pay for handing a chunk to another thread, little enough to keep many threads busy. */
const chunkElements = 16_384;
const mostChunks = 64;

/** Registers that hold addresses of full-size and per-column tensors during the loop. */
const addressRegisters: readonly Gpr[] = [
  gpr.rbx,
  gpr.r8,
  gpr.r9,
  gpr.r10,
  gpr.r11,
  gpr.r12,
  gpr.r13,
  gpr.r14,
  gpr.r15,
];
const saved: readonly Gpr[] = [gpr.rbx, gpr.r12, gpr.r13, gpr.r14, gpr.r15];

/** How many full-size and per-column inputs and outputs a program may have together. */
export const mostStreams = addressRegisters.length;

export interface ElementwiseKernel {
  /** Where the function starts. */
  readonly entry: Label;
  /** The function must be called for every index from 0 up to this. */
  readonly chunks: number;
}

/** Emits the function and its constants. @throws CongError `BAD_OPTION` for more than `mostStreams` tensors. */
export function emitElementwise(assembler: Assembler, params: FusedParams, layouts: FusedLayouts): ElementwiseKernel {
  const { rows, columns, inputs } = layouts;
  const flat = rows === 1 && !inputs.includes("row") && !inputs.includes("column");
  const chunks = Math.max(1, Math.min(mostChunks, Math.floor((rows * columns) / chunkElements), flat ? columns : rows));
  const pool = createPool(assembler);
  const tail = columns % lanes;

  const streams = [
    ...inputs.flatMap((layout, i) => (layout === "full" || layout === "column" ? [i] : [])),
    ...params.results.map((_, i) => inputs.length + i),
  ];
  if (streams.length > mostStreams) {
    throw new CongError(
      "BAD_OPTION",
      `x64: ${streams.length} tensors in one loop, at most ${mostStreams}`,
      {},
      "fuse less",
    );
  }
  if (params.results.some((value) => value < inputs.length)) {
    throw new CongError("BROKEN_GRAPH", "x64: an output of a fused program is one of its inputs", {}, "leave it out");
  }
  const registerOf = new Map(streams.map((stream, i) => [stream, addressRegisters[i]!]));
  const at = (stream: number): Memory => ({ base: registerOf.get(stream)!, index: gpr.rax });
  const isColumn = (stream: number) => inputs[stream] === "column";

  // One slot on the stack for every value that is the same in a whole row, then the slots of spilled registers.
  const uniform = inputs.flatMap((layout, i) => (layout === "scalar" || layout === "row" ? [i] : []));
  const slot = (index: number): Memory => ({ base: gpr.rsp, offset: index * vectorBytes });
  const homeOf = (input: number): Memory =>
    inputs[input] === "full" || isColumn(input) ? at(input) : slot(uniform.indexOf(input));
  const vectors = {
    params,
    inputCount: inputs.length,
    homeOf,
    isWide: (input: number) => inputs[input] === "full" || inputs[input] === "column",
    resultHome: (i: number) => at(inputs.length + i),
    constant: pool.floats,
    bits: pool.bits,
    spillSlot: (index: number) => slot(uniform.length + index),
  };

  const entry = assembler.label();
  assembler.align(32);
  assembler.place(entry);
  assembler.push(gpr.rbp);
  assembler.move(gpr.rbp, gpr.rsp);
  for (const register of saved) assembler.push(register);
  assembler.subtract(gpr.rsp, (uniform.length + params.instructions.length + inputs.length + 1) * vectorBytes);
  assembler.and(gpr.rsp, -vectorBytes);
  for (const stream of streams) assembler.load(registerOf.get(stream)!, { base: gpr.rdi, offset: stream * 8 });

  const broadcast = (input: number, index?: Gpr) => {
    assembler.load(gpr.rdx, { base: gpr.rdi, offset: input * 8 });
    if (index !== undefined) {
      // rdx + 4·row
      for (let i = 0; i < 4; i++) assembler.address(gpr.rdx, { base: gpr.rdx, index });
    }
    assembler.vex2("vbroadcastss", 0, { base: gpr.rdx });
    assembler.vstore(slot(uniform.indexOf(input)), 0);
  };
  for (const input of uniform) if (inputs[input] === "scalar") broadcast(input);

  const loop = (unmasked: () => void) => {
    const [top, done] = [assembler.label(), assembler.label()];
    assembler.compare(gpr.rax, gpr.rdx);
    assembler.jump(done, "aboveOrEqual");
    assembler.align(16);
    assembler.place(top);
    unmasked();
    assembler.add(gpr.rax, vectorBytes);
    assembler.compare(gpr.rax, gpr.rdx);
    assembler.jump(top, "below");
    assembler.place(done);
  };
  const body = () => compileVector(assembler, vectors);
  const maskedTail = () =>
    compileVector(assembler, {
      ...vectors,
      mask: pool.words(Array.from({ length: lanes }, (_, i) => (i < tail ? -1 : 0))),
    });

  if (flat) emitFlat();
  else emitRows();

  assembler.address(gpr.rsp, { base: gpr.rbp, offset: -8 * saved.length });
  for (const register of [...saved].reverse()) assembler.pop(register);
  assembler.pop(gpr.rbp);
  assembler.vzeroupper();
  assembler.ret();
  pool.emit();
  return { entry, chunks };

  /** One long row: a chunk is a range of its vectors, and the last chunk has the tail. */
  function emitFlat(): void {
    const bytes = columns * 4;
    const wholeVectors = bytes - tail * 4;
    const chunkBytes = Math.ceil(columns / chunks / lanes) * vectorBytes;
    const noTail = assembler.label();
    assembler.multiply(gpr.rax, gpr.rsi, chunkBytes);
    assembler.address(gpr.rdx, { base: gpr.rax, offset: chunkBytes });
    assembler.moveConstant(gpr.rcx, wholeVectors);
    assembler.compare(gpr.rcx, gpr.rdx);
    assembler.moveIf("below", gpr.rdx, gpr.rcx);
    loop(body);
    if (tail > 0) {
      assembler.compareConstant(gpr.rsi, Math.floor(Math.max(0, wholeVectors - 1) / chunkBytes));
      assembler.jump(noTail, "notEqual");
      // Chunks behind the last vector are empty, and rax is past the end there: the tail is where the vectors end.
      assembler.moveConstant(gpr.rax, wholeVectors);
      maskedTail();
      assembler.place(noTail);
    }
  }

  /** Many rows: a chunk is a range of them. */
  function emitRows(): void {
    const rowBytes = columns * 4;
    const chunkRows = Math.ceil(rows / chunks);
    const [row, done] = [assembler.label(), assembler.label()];
    assembler.multiply(gpr.rsi, gpr.rsi, chunkRows);
    assembler.address(gpr.rcx, { base: gpr.rsi, offset: chunkRows });
    assembler.moveConstant(gpr.rax, rows);
    assembler.compare(gpr.rax, gpr.rcx);
    assembler.moveIf("below", gpr.rcx, gpr.rax);
    assembler.multiply(gpr.rax, gpr.rsi, rowBytes);
    // The offset runs through the whole matrix; subtracting where the row starts makes it one in the row.
    for (const stream of streams) if (isColumn(stream)) assembler.subtractRegister(registerOf.get(stream)!, gpr.rax);
    assembler.compare(gpr.rsi, gpr.rcx);
    assembler.jump(done, "aboveOrEqual");
    assembler.place(row);
    for (const input of uniform) if (inputs[input] === "row") broadcast(input, gpr.rsi);
    assembler.address(gpr.rdx, { base: gpr.rax, offset: rowBytes - tail * 4 });
    loop(body);
    if (tail > 0) {
      maskedTail();
      assembler.add(gpr.rax, tail * 4);
    }
    for (const stream of streams) if (isColumn(stream)) assembler.subtract(registerOf.get(stream)!, rowBytes);
    assembler.add(gpr.rsi, 1);
    assembler.compare(gpr.rsi, gpr.rcx);
    assembler.jump(row, "below");
    assembler.place(done);
  }
}
