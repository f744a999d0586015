/**
 * Machine code for rows of causal attention: softmax, and its gradient. Row i of a call sees one more key than row
 * i − 1. The routines have the signature of those of `matmul/kernels.ts`, so the same driver calls them.
 */
import { type Assembler, createAssembler, gpr } from "../assembler.ts";
import { emitSoftmaxRow } from "../attention/kernels.ts";
import { createInstructions } from "../quantized/instructions.ts";

const { rax, rcx, rdx, rsp, rsi, rdi, r8, r9, r10, r11, r14 } = gpr;

export interface RowsForm {
  /** Bytes from a row to the next. There is room for sixteen floats behind the columns. */
  readonly stride: number;
  /** Columns of the whole matrix, a multiple of 16. */
  readonly columns: number;
}

/** Columns that are zeroed behind the last one a row sees: the products that read it look no further. */
const zeroed = 40;

/**
 * Rows of scores become weights: e^(score − largest) / Σ, then zeros.
 * rdi first row, r8 rows, r9 columns that the first row sees.
 */
export function softmaxRows({ stride, columns }: RowsForm): Uint8Array {
  const assembler = createAssembler();
  const v = createInstructions(assembler);
  const start = assembler.label();
  assembler.jump(start);
  const row = emitSoftmaxRow(assembler, false);
  assembler.place(start);
  assembler.subtract(rsp, 16);
  assembler.move(r14, r8);
  assembler.move(rsi, r9);
  const next = here(assembler);
  assembler.move(rcx, rsi);
  endOfZeros(assembler, columns);
  assembler.move(rdx, rsp);
  assembler.call(row);
  const [factor, value] = [0, 1];
  v.unary("broadcast", factor, { base: rsp });
  assembler.move(r10, rdi);
  assembler.move(r11, rsi);
  assembler.add(r11, 15);
  v.shiftRight(r11, 4);
  const nextVector = here(assembler);
  v.unary("load", value, { base: r10 });
  v.binary("multiplyFloats", value, value, factor);
  v.store({ base: r10 }, value);
  assembler.add(r10, 64);
  assembler.subtract(r11, 1);
  assembler.jump(nextVector, "notEqual");
  assembler.add(rdi, stride);
  assembler.add(rsi, 1);
  assembler.subtract(r14, 1);
  assembler.jump(next, "notEqual");
  assembler.add(rsp, 16);
  assembler.ret();
  return assembler.finish().code;
}

/**
 * Rows of weights p and of their gradients g: g becomes p·(g − Σ p·g), then zeros.
 * rdi first row of p, rsi of g, r8 rows, r9 columns that the first row sees.
 */
export function softmaxGradientRows({ stride, columns }: RowsForm): Uint8Array {
  const assembler = createAssembler();
  const v = createInstructions(assembler);
  const [total, value, last] = [0, 1, 1];
  assembler.move(r14, r8);
  assembler.move(rdx, r9);
  const next = here(assembler);
  assembler.move(rcx, rdx);
  assembler.and(rcx, 15);
  assembler.moveConstant(rax, 1);
  v.shiftLeftByRcx(rax);
  assembler.subtract(rax, 1);
  v.maskFrom(last, rax);
  const weights = { base: rdi, index: r10 };
  const gradients = { base: rsi, index: r10 };
  /** Whole vectors that the row sees, then with the mask what is left, perhaps nothing. */
  const vectors = (body: (mask?: number) => void) => {
    const [again, done] = [assembler.label(), assembler.label()];
    assembler.moveConstant(r10, 0);
    assembler.move(r11, rdx);
    v.shiftRight(r11, 4);
    assembler.place(again);
    assembler.compareConstant(r11, 0);
    assembler.jump(done, "equal");
    body();
    assembler.add(r10, 64);
    assembler.subtract(r11, 1);
    assembler.jump(again);
    assembler.place(done);
    // What lies behind is not a number to count on, so it is never read.
    v.binary("xor", value, value, value);
    body(last);
    assembler.add(r10, 64);
  };
  v.binary("xor", total, total, total);
  vectors((mask) => {
    v.unary("load", value, gradients, mask);
    v.binary("multiplyAdd", total, value, weights, mask);
  });
  v.reduce("addFloats", total, value);
  vectors((mask) => {
    v.unary("load", value, gradients, mask);
    v.binary("subtractFloats", value, value, total, mask);
    v.binary("multiplyFloats", value, value, weights, mask);
    v.store(gradients, value);
  });
  endOfZeros(assembler, columns, rdx);
  v.shiftLeft(r9, 2);
  v.binary("xor", value, value, value);
  const [fill, filled] = [assembler.label(), assembler.label()];
  assembler.place(fill);
  assembler.compare(r10, r9);
  assembler.jump(filled, "aboveOrEqual");
  v.store(gradients, value);
  assembler.add(r10, 64);
  assembler.jump(fill);
  assembler.place(filled);
  assembler.add(rdi, stride);
  assembler.add(rsi, stride);
  assembler.add(rdx, 1);
  assembler.subtract(r14, 1);
  assembler.jump(next, "notEqual");
  assembler.ret();
  return assembler.finish().code;
}

function here(assembler: Assembler) {
  const label = assembler.label();
  assembler.place(label);
  return label;
}

/** r9 = the column where zeros end: some behind those seen, at most all. */
function endOfZeros(assembler: Assembler, columns: number, seen: number = rsi): void {
  assembler.move(r9, seen);
  assembler.add(r9, zeroed);
  assembler.moveConstant(rax, columns);
  assembler.compare(r9, rax);
  assembler.moveIf("aboveOrEqual", r9, rax);
}
