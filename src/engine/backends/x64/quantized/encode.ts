/**
 * Machine code that rounds rows of floats to codes and scales, exactly as ggml's reference does for q4_0 and q8_0
 * (`formats/blocks`), and writes them where `pack.ts` or a plain tensor wants them.
 *
 * q4_0: d = x/−8 of the first element x of largest magnitude, code = min(15, trunc(x·(1/d) + 8.5)).
 * q8_0: d = max|x|/127, code = round(x·(1/d)) + 128, halves away from zero. All in float32; d is stored in half precision.
 * The code of a block whose d is below 2⁻¹⁰⁰ may differ from ggml's: it is multiplied by a stored 0.
 */
import type { WeightBits } from "../../../ops/quantized.ts";
import { type Assembler, createAssembler, gpr } from "../assembler.ts";
import { createInstructions, type Instructions } from "./instructions.ts";
import { blockInputs, codeBytes, panelRows } from "./pack.ts";

/** Type of the numbers that are read. */
export type EncodedFrom = "float32" | "float16" | "bfloat16";

/** Where results go: panels of sixteen rows for the kernels, or row after row with float32 scales (8 bits only). */
export type EncodedOrder = "panels" | "rows";

/** Words (int64) of the frame that the function is given. */
export const encodeWords = [
  "source",
  "codes",
  "scales",
  "first",
  "rows",
  "blocks",
  "codeStride",
  "scaleStride",
] as const;

const { rax, rcx, rdx, rbx, rbp, rdi, rsi, r8, r9, r10, r11, r12, r13, r14, r15 } = gpr;
const saved = [rbx, rbp, r12, r13, r14, r15];
const [x0, x1, a0, a1, largest, scale, inverse, sign, t0, t1] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const [absolute, smallest, zero, factor, divisor, half, top] = [16, 17, 18, 19, 20, 21, 22];

/**
 * `void encode(const int64_t frame[8])`: `rows` rows of `blocks` blocks from `source` on become rows `first` … of the
 * result. `codes` and `scales` are where row 0 has its first; strides are bytes from a panel (or row) to the next.
 */
export function encoderCode(bits: WeightBits, from: EncodedFrom, order: EncodedOrder): Uint8Array {
  const assembler = createAssembler();
  const v = createInstructions(assembler);
  const [nextRow, nextBlock, done] = [assembler.label(), assembler.label(), assembler.label()];
  const word = (name: (typeof encodeWords)[number]) => ({ base: rbx, offset: 8 * encodeWords.indexOf(name) });
  for (const register of saved) assembler.push(register);
  assembler.move(rbx, rdi);
  emitConstants(assembler, v, bits);
  assembler.load(r8, word("source"));
  assembler.load(r12, word("first"));
  assembler.load(r15, word("rows"));
  assembler.moveConstant(r13, 0x80000000);
  assembler.moveConstant(r14, 0);

  assembler.place(nextRow);
  assembler.compareConstant(r15, 0);
  assembler.jump(done, "equal");
  const rowStart = (to: number, base: "codes" | "scales", stride: "codeStride" | "scaleStride", laneBytes: number) => {
    assembler.move(to, r12);
    if (order === "panels") v.shiftRight(to, Math.log2(panelRows));
    assembler.load(rax, word(stride));
    v.multiplyRegister(to, rax);
    assembler.load(rax, word(base));
    v.addRegister(to, rax);
    if (order === "rows") return;
    assembler.move(rax, r12);
    assembler.and(rax, panelRows - 1);
    assembler.multiply(rax, rax, laneBytes);
    v.addRegister(to, rax);
  };
  rowStart(r9, "codes", "codeStride", 4);
  rowStart(r10, "scales", "scaleStride", 2);
  assembler.load(r11, word("blocks"));
  assembler.place(nextBlock);
  emitLoad(v, from);
  if (bits === 4) emitBlock4(assembler, v);
  else emitBlock8(v);
  emitStores(v, bits, order);
  assembler.add(r8, blockInputs * (from === "float32" ? 4 : 2));
  assembler.add(r9, order === "panels" ? codeBytes(bits) : blockInputs);
  assembler.add(r10, order === "panels" ? 2 * panelRows : 4);
  assembler.subtract(r11, 1);
  assembler.jump(nextBlock, "notEqual");
  assembler.add(r12, 1);
  assembler.subtract(r15, 1);
  assembler.jump(nextRow);

  assembler.place(done);
  for (const register of saved.toReversed()) assembler.pop(register);
  assembler.vzeroupper();
  assembler.ret();
  return assembler.finish().code;
}

function emitConstants(assembler: Assembler, v: Instructions, bits: WeightBits): void {
  const word = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const constants: [register: number, word: number][] = [
    [absolute, 0x7fffffff],
    [smallest, word(2 ** -100)], // instead of 0 as a divisor
    [zero, 0],
    [factor, word(1 / 8)],
    [divisor, word(bits === 4 ? 8 : 127)],
    [half, word(bits === 4 ? 8.5 : 1)],
    [top, bits === 4 ? 15 : 128],
  ];
  for (const [register, value] of constants) {
    assembler.moveConstant(rax, value);
    v.broadcastRegister(register, rax);
  }
}

/** A block into x0 and x1, its largest magnitude into all lanes. */
function emitLoad(v: Instructions, from: EncodedFrom): void {
  for (const [i, x] of [x0, x1].entries()) {
    const place = { base: r8, offset: i * 16 * (from === "float32" ? 4 : 2) };
    if (from === "float16") v.unary("halvesToFloats", x, place);
    else if (from === "float32") v.unary("load", x, place);
    else {
      v.unary("wordsToInts", x, place);
      v.shiftLeftInts(x, x, 16);
    }
    v.binary("and", a0 + i, x, absolute);
  }
  v.binary("maxFloats", largest, a0, a1);
  v.reduce("maxFloats", largest, t0);
}

function emitBlock4(assembler: Assembler, v: Instructions): void {
  // The sign of the first element of largest magnitude; of zero it counts as positive.
  v.compareFloats("equal", 1, a0, largest);
  v.compareFloats("equal", 2, a1, largest);
  v.compareFloats("less", 3, x0, zero);
  v.compareFloats("less", 4, x1, zero);
  const join = (to: number, low: number, high: number, scratch: number) => {
    v.registerFrom(to, low);
    v.registerFrom(scratch, high);
    v.shiftLeft(scratch, 16);
    v.orRegister(to, scratch);
  };
  join(rax, 1, 2, rcx);
  assembler.move(rcx, rax);
  v.negate(rcx);
  v.andRegister(rax, rcx); // the lowest bit alone
  join(rcx, 3, 4, rdx);
  assembler.move(rsi, r13);
  v.andRegister(rax, rcx);
  assembler.moveIf("notEqual", rsi, r14); // d has the other sign
  v.broadcastRegister(sign, rsi);
  v.binary("multiplyFloats", scale, largest, factor);
  v.binary("xor", scale, scale, sign);
  v.binary("maxFloats", largest, largest, smallest);
  v.binary("divideFloats", inverse, divisor, largest); // 1/(x/8) rounds to the same number
  v.binary("xor", inverse, inverse, sign);
  for (const x of [x0, x1]) {
    v.binary("multiplyFloats", x, x, inverse);
    v.binary("addFloats", x, x, half);
    v.unary("floatsToIntsDown", x, x);
    v.binary("minInts", x, x, top);
  }
  v.shiftLeftInts(x1, x1, 4);
  v.binary("or", x0, x0, x1);
  v.lowBytes(x0, x0);
}

function emitBlock8(v: Instructions): void {
  v.binary("divideFloats", scale, largest, divisor);
  v.binary("maxFloats", largest, largest, smallest);
  v.binary("divideFloats", inverse, largest, divisor);
  v.binary("divideFloats", inverse, half, inverse);
  for (const x of [x0, x1]) {
    v.binary("multiplyFloats", x, x, inverse);
    v.truncate(t0, x);
    v.binary("subtractFloats", t1, x, t0);
    v.binary("addFloats", t1, t1, t1);
    v.truncate(t1, t1); // −1, 0 or 1: what the rest rounds to, halves away from zero
    v.binary("addFloats", x, t0, t1);
    v.unary("floatsToIntsDown", x, x);
    v.binary("addInts", x, x, top);
    v.lowBytes(x, x);
  }
}

function emitStores(v: Instructions, bits: WeightBits, order: EncodedOrder): void {
  v.floatsToHalves(scale, scale);
  const vectors = bits === 4 ? [x0] : [x0, x1];
  if (order === "panels") v.storeElement({ base: r10 }, scale, 0, 16);
  else {
    v.unary("halvesToFloats", scale, scale);
    v.storeElement({ base: r10 }, scale, 0, 32);
  }
  for (const [i, vector] of vectors.entries()) {
    for (let element = 0; element < 4; element++) {
      const group = 4 * i + element;
      v.storeElement({ base: r9, offset: order === "panels" ? 64 * group : 4 * group }, vector, element, 32);
    }
  }
}
