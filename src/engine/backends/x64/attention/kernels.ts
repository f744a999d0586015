/**
 * Machine code for attention over a cache: a small matrix product, a transpose of keys, and the softmax of one row.
 *
 * All are local functions: they keep no registers but rbx and rsp.
 */
import { type Assembler, gpr, type Label } from "../assembler.ts";
import { createInstructions, type Instructions, type Place } from "../quantized/instructions.ts";

const { rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12 } = gpr;

/** Most query rows of a product. */
export const blockRows = 8;
/** Columns of a product; keys in a transposed panel. */
export const panelColumns = 32;
const lanes = 16;

function begin(assembler: Assembler): Label {
  const entry = assembler.label();
  assembler.align(32);
  assembler.place(entry);
  return entry;
}

/**
 * C[rows, 32] = scale of the row · A[rows, K] · B[K, 32].
 * rdi A, rcx bytes between its rows; rsi B, r8 bytes between its rows; rdx C, r9 bytes between its rows; r10 K;
 * r11 address of one float32 factor a row.
 */
export function emitProductTile(assembler: Assembler, rows: number): Label {
  const v = createInstructions(assembler);
  const sum = (row: number, half: number) => 2 * row + half;
  const [left, right] = [16, 17];
  const factor = (row: number) => 18 + (row & 3);
  const entry = begin(assembler);
  const bases = [rdi, rax, r12]; // A and three and six rows below
  for (const [i, base] of bases.entries()) {
    if (i === 0 || rows <= 3 * i) continue;
    assembler.move(base, bases[i - 1]!);
    for (let k = 0; k < 3; k++) v.addRegister(base, rcx);
  }
  const place = (row: number): Place => ({
    base: bases[Math.floor(row / 3)]!,
    ...(row % 3 === 0 ? {} : { index: rcx, scale: row % 3 === 1 ? (1 as const) : (2 as const) }),
  });
  for (let i = 0; i < 2 * rows; i++) v.binary("xor", i, i, i);
  const next = begin(assembler);
  v.unary("load", left, { base: rsi });
  v.unary("load", right, { base: rsi, offset: 64 });
  for (let row = 0; row < rows; row++) {
    v.unary("broadcast", factor(row), place(row));
    v.binary("multiplyAdd", sum(row, 0), factor(row), left);
    v.binary("multiplyAdd", sum(row, 1), factor(row), right);
  }
  bases.forEach((base, i) => {
    if (rows > 3 * i) assembler.add(base, 4);
  });
  v.addRegister(rsi, r8);
  assembler.subtract(r10, 1);
  assembler.jump(next, "notEqual");
  for (let row = 0; row < rows; row++) {
    v.unary("broadcast", factor(row), { base: r11, offset: 4 * row });
    for (const half of [0, 1]) {
      v.binary("multiplyFloats", sum(row, half), sum(row, half), factor(row));
      v.store({ base: rdx, offset: 64 * half }, sum(row, half));
    }
    v.addRegister(rdx, r9);
  }
  assembler.ret();
  return entry;
}

/**
 * Writes sixteen keys as columns: element d of key i goes to target + 128·d + 4·i.
 * rdi first key, rsi target, r11 last key that exists (it stands in for those behind), rcx channels.
 */
export function emitTransposeKeys(assembler: Assembler, channels: number): Label {
  const v = createInstructions(assembler);
  const entry = begin(assembler);
  assembler.compare(r11, rdi);
  assembler.moveIf("below", rdi, r11);
  assembler.moveConstant(rcx, channels);
  const next = begin(assembler);
  assembler.move(r10, rdi);
  for (let row = 0; row < lanes; row++) {
    v.unary("load", row, { base: r10 });
    assembler.add(r10, channels * 4);
    // r11 moves along the channels, too.
    assembler.compare(r11, r10);
    assembler.moveIf("below", r10, r11);
  }
  transpose(v);
  for (let k = 0; k < lanes; k++) v.store({ base: rsi, offset: 128 * k }, k);
  assembler.add(rdi, 64);
  assembler.add(r11, 64);
  assembler.add(rsi, 128 * lanes);
  assembler.subtract(rcx, lanes);
  assembler.jump(next, "notEqual");
  assembler.ret();
  return entry;
}

/** Transposes the 16×16 floats in registers 0 … 15; 16 … 31 are lost. */
function transpose(v: Instructions): void {
  for (let i = 0; i < 16; i += 2) {
    v.unpack(16 + i, i, i + 1, "low", "float");
    v.unpack(17 + i, i, i + 1, "high", "float");
  }
  for (let i = 0; i < 16; i += 4) {
    v.unpack(i, 16 + i, 18 + i, "low", "pair");
    v.unpack(i + 1, 16 + i, 18 + i, "high", "pair");
    v.unpack(i + 2, 17 + i, 19 + i, "low", "pair");
    v.unpack(i + 3, 17 + i, 19 + i, "high", "pair");
  }
  // Register c + 4·j now holds, in its lane L, column 4·L + c of rows 4·j … 4·j + 3.
  const [even, odd] = [0x88, 0xdd];
  for (let c = 0; c < 4; c++) {
    v.joinLanes(16 + c, c, 4 + c, even);
    v.joinLanes(20 + c, c, 4 + c, odd);
    v.joinLanes(24 + c, 8 + c, 12 + c, even);
    v.joinLanes(28 + c, 8 + c, 12 + c, odd);
  }
  for (let c = 0; c < 4; c++) {
    v.joinLanes(c, 16 + c, 24 + c, even);
    v.joinLanes(8 + c, 16 + c, 24 + c, odd);
    v.joinLanes(4 + c, 20 + c, 28 + c, even);
    v.joinLanes(12 + c, 20 + c, 28 + c, odd);
  }
}

const constants = {
  lowest: -100, // e^−100 is 0 beside 1
  log2e: Math.LOG2E,
  ln2High: 0.693359375,
  ln2Low: Math.LN2 - 0.693359375,
  one: 1,
  half: 1 / 2,
  c3: 1 / 6,
  c4: 1 / 24,
  c5: 1 / 120,
  c6: 1 / 720,
  c7: 1 / 5040,
} as const;
const registerOf = Object.fromEntries(Object.keys(constants).map((name, i) => [name, 16 + i])) as Record<
  keyof typeof constants,
  number
>;

/**
 * Replaces a row of scores by e^(score − largest), and zeros behind it up to a whole vector of the longest row.
 * rdi scores, rsi bias of the row (with `biased`), rcx how many count (at least 1), r9 length of the longest row of the
 * block, rdx where 1/Σ goes.
 */
export function emitSoftmaxRow(assembler: Assembler, biased: boolean): Label {
  const v = createInstructions(assembler);
  const [value, largest, total, whole, power] = [0, 1, 2, 3, 4];
  const [last, single] = [2, 1]; // masks
  const entry = begin(assembler);
  const word = (x: number) => new Uint32Array(Float32Array.of(x).buffer)[0]!;
  for (const [name, x] of Object.entries(constants)) {
    assembler.moveConstant(rax, word(x));
    v.broadcastRegister(registerOf[name as keyof typeof constants], rax);
  }
  assembler.moveConstant(rax, word(Number.NEGATIVE_INFINITY));
  v.broadcastRegister(largest, rax);
  assembler.moveConstant(rax, 1);
  v.maskFrom(single, rax);
  assembler.move(r8, rcx);
  assembler.and(rcx, lanes - 1); // elements of the last, partial vector
  assembler.moveConstant(rax, 1);
  v.shiftLeftByRcx(rax);
  assembler.subtract(rax, 1);
  v.maskFrom(last, rax);
  v.shiftRight(r8, 4); // whole vectors
  const scores = { base: rdi, index: r10 };
  const vectors = (body: () => void) => {
    const [next, done] = [assembler.label(), assembler.label()];
    assembler.moveConstant(r10, 0);
    assembler.move(r11, r8);
    assembler.compareConstant(r11, 0);
    assembler.jump(done, "equal");
    assembler.place(next);
    body();
    assembler.add(r10, 64);
    assembler.subtract(r11, 1);
    assembler.jump(next, "notEqual");
    assembler.place(done);
  };
  const skipWithoutTail = (body: () => void) => {
    const none = assembler.label();
    assembler.compareConstant(rcx, 0);
    assembler.jump(none, "equal");
    body();
    assembler.place(none);
  };
  const raise = (mask?: number) => {
    v.unary("load", value, scores);
    if (biased) {
      v.binary("addFloats", value, value, { base: rsi, index: r10 }, mask);
      v.store(scores, value);
    }
    v.binary("maxFloats", largest, largest, value, mask);
  };
  vectors(() => raise());
  skipWithoutTail(() => raise(last));
  v.reduce("maxFloats", largest, value);
  const exponential = () => {
    v.unary("load", value, scores);
    v.binary("subtractFloats", value, value, largest);
    v.binary("maxFloats", value, registerOf.lowest, value); // NaN stays
    v.binary("multiplyFloats", whole, value, registerOf.log2e);
    v.round(whole, whole);
    v.binary("multiplySubtract", value, whole, registerOf.ln2High);
    v.binary("multiplySubtract", value, whole, registerOf.ln2Low);
    v.binary("multiplyFloats", power, value, registerOf.c7);
    v.binary("addFloats", power, power, registerOf.c6);
    for (const name of ["c5", "c4", "c3", "half", "one", "one"] as const) {
      v.binary("multiplyThenAdd", power, value, registerOf[name]);
    }
    v.binary("scaleByPower", power, power, whole);
  };
  v.binary("xor", total, total, total);
  vectors(() => {
    exponential();
    v.store(scores, power);
    v.binary("addFloats", total, total, power);
  });
  skipWithoutTail(() => {
    exponential();
    v.binary("xor", value, value, value);
    v.binary("addFloats", value, value, power, last);
    v.store(scores, value);
    v.binary("addFloats", total, total, value);
    assembler.add(r10, 64);
  });
  const [fill, filled] = [assembler.label(), assembler.label()];
  v.binary("xor", value, value, value);
  v.shiftLeft(r9, 2);
  assembler.place(fill);
  assembler.compare(r10, r9);
  assembler.jump(filled, "aboveOrEqual");
  v.store(scores, value);
  assembler.add(r10, 64);
  assembler.jump(fill);
  assembler.place(filled);
  v.reduce("addFloats", total, value);
  v.binary("divideFloats", total, registerOf.one, total);
  v.store({ base: rdx }, total, single);
  assembler.ret();
  return entry;
}
