/**
 * Machine code of a matrix product: the inner kernel, the packing routines, and the driver that calls them.
 *
 * The scheme is that of Goto and van de Geijn (2008) with the operands' parts exchanged: a panel of A (14 rows) stays in
 * the L1 cache while panels of B (32 columns) pass by from the L2 cache. A tile of C is 14 rows by two vectors of 16
 * columns: 28 accumulators, 2 registers for B and 2 that A's elements are broadcast into, which makes 32.
 *
 * Every routine has the same signature (System V ABI): pointers in rdi, rsi, rdx, r14, rcx and numbers in r8, r9, so that one
 * driver can call them all from a table (`plan.ts`). Strides are known when code is made and are part of it.
 */
import { Assembler, r8, r9, r10, r11, r12, r13, r14, rax, rbx, rcx, rdi, rdx, rsi } from "./assembler.ts";

export const tileRows = 14;
export const lanes = 16;
const firstB = 28;
const firstBroadcast = 30;
/** Steps of k in one turn of the inner loop. */
const unrolled = 8;
/** How many steps of k ahead B is fetched from the L2 cache. */
const stepsAhead = 32;

export interface TileForm {
  readonly rows: number;
  /** Columns of a panel of B, in vectors of sixteen. */
  readonly vectors: 1 | 2;
  /** What the product is added to: nothing, C itself, or an addend that lies like C. */
  readonly onto: "nothing" | "result" | "addend";
  readonly scale: number;
  /** Bytes from a row of A to the next, and from one k to the next. */
  readonly rowA: number;
  readonly stepA: number;
  /** Bytes from a row of C to the next. */
  readonly rowC: number;
  /**
   * What to fetch meanwhile for the panel of A that comes next: nothing (0), two of its rows with each panel of B
   * ("rows", distance of rows), or one line of its source every eighth k ("steps", distance of k).
   */
  readonly fetch: "rows" | "steps" | "nothing";
  readonly fetchDistance: number;
}

/**
 * C[rows, panels·vectors·16] = scale · A panel · B panels (+ C or an addend).
 * rdi A panel, rsi B panels (each per k: `vectors`·16 floats), rdx C, rcx source of the next A panel,
 * r8 length of k, r9 number of B panels, r14 addend.
 */
export function tileKernel(form: TileForm): Uint8Array {
  const { rows, vectors, onto, scale, rowA, stepA, rowC, fetch, fetchDistance } = form;
  const asm = new Assembler();
  const sum = (row: number, vector: number) => row * vectors + vector;
  const stepB = vectors * 64;
  const eachOfC = (visit: (place: { base: number; displacement: number }, row: number, v: number) => void) => {
    for (let row = 0; row < rows; row++) {
      for (let v = 0; v < vectors; v++) visit({ base: rdx, displacement: row * rowC + v * 64 }, row, v);
    }
  };
  const step = (k: number) => {
    for (let v = 0; v < vectors; v++) asm.loadVector(firstB + v, { base: rsi, displacement: k * stepB + v * 64 });
    for (let v = 0; v < vectors; v++) asm.prefetch({ base: rsi, displacement: (k + stepsAhead) * stepB + v * 64 });
    for (let row = 0; row < rows; row++) {
      const factor = firstBroadcast + (row & 1);
      asm.broadcast(factor, { base: rdi, displacement: row * rowA + k * stepA });
      for (let v = 0; v < vectors; v++) asm.multiplyAdd(sum(row, v), factor, firstB + v);
    }
  };
  const advance = (steps: number) => {
    asm.addImmediate(rdi, steps * stepA);
    asm.addImmediate(rsi, steps * stepB);
  };
  asm.move(r10, rdi);
  asm.move(r11, rcx);
  const nextPanel = asm.here();
  asm.move(rdi, r10);
  if (fetch === "rows") asm.move(rcx, r11);
  eachOfC((place) => asm.prefetchToWrite(place));
  if (onto === "addend") eachOfC((place) => asm.prefetch({ ...place, base: r14 }));
  for (let i = 0; i < rows * vectors; i++) asm.zeroVector(i);

  asm.move(rax, r8);
  asm.shiftRight(rax, Math.log2(unrolled));
  asm.test(rax);
  const fewSteps = asm.jumpIfZeroAhead();
  const nextSteps = asm.here();
  if (fetch !== "nothing") asm.prefetch({ base: rcx }, 2);
  if (fetch === "rows") asm.prefetch({ base: rcx, displacement: fetchDistance }, 2);
  asm.addImmediate(rcx, fetch === "rows" ? unrolled * 4 : fetchDistance);
  for (let k = 0; k < unrolled; k++) step(k);
  advance(unrolled);
  asm.decrement(rax);
  asm.jumpIfNotZero(nextSteps);
  asm.land(fewSteps);

  asm.move(rax, r8);
  asm.andImmediate(rax, unrolled - 1);
  asm.test(rax);
  const noSteps = asm.jumpIfZeroAhead();
  const nextStep = asm.here();
  step(0);
  advance(1);
  asm.decrement(rax);
  asm.jumpIfNotZero(nextStep);
  asm.land(noSteps);

  if (scale !== 1) {
    asm.moveImmediate(rax, new Int32Array(Float32Array.of(scale).buffer)[0]!);
    asm.broadcastRegister(firstB, rax);
  }
  eachOfC((place, row, v) => {
    if (scale !== 1) asm.multiplyVector(sum(row, v), sum(row, v), firstB);
    if (onto !== "nothing") {
      asm.addVector(sum(row, v), sum(row, v), onto === "addend" ? { ...place, base: r14 } : place);
    }
    asm.storeVector(place, sum(row, v));
  });
  asm.addImmediate(rdx, stepB);
  if (onto === "addend") asm.addImmediate(r14, stepB);
  if (fetch === "rows") asm.addImmediate(r11, 2 * fetchDistance);
  asm.decrement(r9);
  asm.jumpIfNotZero(nextPanel);
  asm.ret();
  return asm.bytes();
}

/**
 * Packs a matrix whose rows are k: copies `width` floats per k.
 * rdi source, rsi target, r8 length of k.
 * @param stride bytes between source rows
 */
export function packRows(width: number, stride: number): Uint8Array {
  const asm = new Assembler();
  prepareMask(asm, width);
  const next = asm.here();
  for (let v = 0; v * lanes < width; v++) {
    const partial = (v + 1) * lanes > width ? { mask: 2, zero: true } : {};
    asm.loadVector(v, { base: rdi, displacement: v * 64 }, partial);
    asm.storeVector({ base: rsi, displacement: v * 64 }, v, "mask" in partial ? { mask: 2 } : {});
  }
  asm.addImmediate(rdi, stride);
  asm.addImmediate(rsi, width * 4);
  asm.decrement(r8);
  asm.jumpIfNotZero(next);
  asm.ret();
  return asm.bytes();
}

/**
 * Packs a matrix whose columns are k: for each k one float from each of `width` rows. Blocks of sixteen k are
 * transposed in registers; what is left of k is gathered.
 * rdi source, rsi target, rdx sixteen int32 (bytes from a row to the rows below it), r8 length of k.
 * @param stride bytes between source rows
 */
export function packColumns(width: number, stride: number): Uint8Array {
  const asm = new Assembler();
  prepareMask(asm, width);
  const vectors = Math.ceil(width / lanes);
  asm.move(r11, r8);
  asm.shiftRight(r11, 4);
  asm.test(r11);
  const noBlocks = asm.jumpIfZeroAhead();
  const nextBlock = asm.here();
  asm.move(r10, rdi);
  for (let v = 0; v < vectors; v++) {
    const rows = Math.min(lanes, width - v * lanes);
    for (let row = 0; row < rows; row++) {
      asm.loadVector(row, { base: r10 });
      asm.addImmediate(r10, stride);
    }
    transposeVectors(asm);
    for (let k = 0; k < lanes; k++) {
      asm.storeVector({ base: rsi, displacement: k * width * 4 + v * 64 }, k, rows < lanes ? { mask: 2 } : {});
    }
  }
  asm.addImmediate(rdi, 64);
  asm.addImmediate(rsi, lanes * width * 4);
  asm.decrement(r11);
  asm.jumpIfNotZero(nextBlock);
  asm.land(noBlocks);

  asm.andImmediate(r8, lanes - 1);
  asm.test(r8);
  const nothingLeft = asm.jumpIfZeroAhead();
  const indices = 31;
  asm.moveImmediate(rax, 0xffff);
  asm.maskFrom(3, rax);
  asm.loadVector(indices, { base: rdx });
  const nextK = asm.here();
  asm.move(r10, rdi);
  for (let v = 0; v < vectors; v++) {
    const whole = (v + 1) * lanes <= width;
    asm.copyMask(1, whole ? 3 : 2);
    asm.gather(v, { base: r10, index: indices, scale: 1 }, 1);
    asm.storeVector({ base: rsi, displacement: v * 64 }, v, whole ? {} : { mask: 2 });
    asm.addImmediate(r10, lanes * stride);
  }
  asm.addImmediate(rdi, 4);
  asm.addImmediate(rsi, width * 4);
  asm.decrement(r8);
  asm.jumpIfNotZero(nextK);
  asm.land(nothingLeft);
  asm.ret();
  return asm.bytes();
}

/** Transposes the 16×16 floats in zmm0 … zmm15; zmm16 … zmm31 are lost. */
function transposeVectors(asm: Assembler): void {
  for (let i = 0; i < 16; i += 2) {
    asm.unpack(16 + i, i, i + 1, "low", "float");
    asm.unpack(17 + i, i, i + 1, "high", "float");
  }
  for (let i = 0; i < 16; i += 4) {
    asm.unpack(i, 16 + i, 18 + i, "low", "pair");
    asm.unpack(i + 1, 16 + i, 18 + i, "high", "pair");
    asm.unpack(i + 2, 17 + i, 19 + i, "low", "pair");
    asm.unpack(i + 3, 17 + i, 19 + i, "high", "pair");
  }
  // Register c + 4·j now holds, in its lane L, column 4·L + c of rows 4·j … 4·j + 3.
  const [even, odd] = [0x88, 0xdd];
  for (let c = 0; c < 4; c++) {
    asm.shuffleLanes(16 + c, c, 4 + c, even);
    asm.shuffleLanes(20 + c, c, 4 + c, odd);
    asm.shuffleLanes(24 + c, 8 + c, 12 + c, even);
    asm.shuffleLanes(28 + c, 8 + c, 12 + c, odd);
  }
  for (let c = 0; c < 4; c++) {
    asm.shuffleLanes(c, 16 + c, 24 + c, even);
    asm.shuffleLanes(8 + c, 16 + c, 24 + c, odd);
    asm.shuffleLanes(4 + c, 20 + c, 28 + c, even);
    asm.shuffleLanes(12 + c, 20 + c, 28 + c, odd);
  }
}

/** Mask register 2 covers the last, partial vector of a row of `width` floats. */
function prepareMask(asm: Assembler, width: number): void {
  const rest = width % lanes;
  asm.moveImmediate(rax, rest === 0 ? 0xffff : (1 << rest) - 1);
  asm.maskFrom(2, rax);
}

/** Bytes of one entry of the driver's table: routine, five offsets, two numbers, five base indices. */
export const entryBytes = 72;

/**
 * Calls one routine after another. rdi first entry, rsi end of the table, rdx base pointers.
 * An entry is nine 64-bit words: routine; offset of each pointer from its base; r8, r9; one byte for each base.
 */
export function driver(): Uint8Array {
  const asm = new Assembler();
  for (const register of [rbx, r12, r13, r14]) asm.push(register);
  asm.move(rbx, rdi);
  asm.move(r13, rsi);
  asm.move(r12, rdx);
  const next = asm.here();
  asm.load(rax, { base: rbx, displacement: 64 });
  [rdi, rsi, rdx, r14, rcx].forEach((target, i) => {
    if (i > 0) asm.shiftRight(rax, 8);
    asm.lowByte(rcx, rax);
    asm.load(target, { base: r12, index: rcx, scale: 8 });
    asm.addFrom(target, { base: rbx, displacement: 8 + 8 * i });
  });
  [r8, r9].forEach((target, i) => {
    asm.load(target, { base: rbx, displacement: 48 + 8 * i });
  });
  asm.callMemory({ base: rbx });
  asm.addImmediate(rbx, entryBytes);
  asm.compare(rbx, r13);
  asm.jumpIfBelow(next);
  asm.vzeroupper();
  for (const register of [r14, r13, r12, rbx]) asm.pop(register);
  asm.ret();
  return asm.bytes();
}
