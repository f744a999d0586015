/**
 * Machine code of the quantised product: rounding rows of the left operand to int8, and multiplying tiles of them by
 * panels of packed weights (`pack.ts`) with the integer dot product of AVX-512 VNNI.
 *
 * Left operand, rounded: a tile is up to `tileRows` rows. In a tile, block after block, and in a block row after row,
 * there are 40 bytes: 32 codes (int8), the scale (float32), and −zero · Σ codes (int32), where the accumulators start,
 * because the weights' codes are unsigned: Σ (w − zero)·a = Σ w·a − zero · Σ a.
 */
import type { WeightBits } from "../../../ops/quantized.ts";
import { type Assembler, gpr, type Label } from "../assembler.ts";
import { createInstructions } from "./instructions.ts";
import { blockInputs, codeBytes, panelRows } from "./pack.ts";

const { rax, rdx, rsi, rdi, r8, r9, r10, r11 } = gpr;

export const tileRows = 6;
/** Bytes of one block of one row of the rounded left operand. */
export const recordBytes = 40;
const scaleAt = 32;
const startAt = 36;

const absoluteMask = 0x7fffffff;

/**
 * Rounds one row. rdi source (float32, whole blocks), rsi first record, r9 bytes from a block to the next, r10 blocks.
 * Changes rax, rdi, rsi, r10 and vectors 0 … 7; needs `emitRoundingConstants` before.
 */
export function emitRoundRow(assembler: Assembler, load?: (vector: number, half: 0 | 1) => void): void {
  const v = createInstructions(assembler);
  const next = assembler.label();
  assembler.place(next);
  for (const half of [0, 1] as const) {
    if (load !== undefined) load(half, half);
    else v.unary("load", half, { base: rdi, offset: 64 * half });
    v.binary("and", 2 + half, half, absolute);
  }
  v.binary("maxFloats", 2, 2, 3);
  v.reduce("maxFloats", 2, 3);
  v.binary("maxFloats", 2, 2, tiny); // a block of zeros has the scale 1e-30/127, and codes of 0
  v.binary("divideFloats", 3, topCode, 2);
  v.binary("multiplyFloats", 2, 2, inverseTop);
  for (const half of [0, 1]) {
    v.binary("multiplyFloats", half, half, 3);
    v.unary("floatsToInts", half, half);
    v.storeBytes({ base: rsi, offset: 16 * half }, half);
  }
  v.binary("addInts", 4, 0, 1);
  v.reduce("addInts", 4, 5);
  v.binary("multiplyInts", 4, 4, minusZero);
  v.store({ base: rsi, offset: scaleAt }, 2, 1);
  v.store({ base: rsi, offset: startAt }, 4, 1);
  assembler.add(rdi, blockInputs * 4);
  v.addRegister(rsi, r9);
  assembler.subtract(r10, 1);
  assembler.jump(next, "notEqual");
}

const [absolute, tiny, topCode, inverseTop, minusZero] = [16, 17, 18, 19, 20];

/** What `emitRoundRow` keeps in vectors 16 … 20 and mask 1. Changes rax. */
export function emitRoundingConstants(assembler: Assembler, bits: WeightBits): void {
  const v = createInstructions(assembler);
  const word = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const constants: [number, number][] = [
    [absolute, absoluteMask],
    [tiny, word(1e-30)],
    [topCode, word(127)],
    [inverseTop, word(1 / 127)],
    [minusZero, -(2 ** (bits - 1))],
  ];
  for (const [register, value] of constants) {
    assembler.moveConstant(rax, value);
    v.broadcastRegister(register, rax);
  }
  assembler.moveConstant(rax, 1);
  v.maskFrom(1, rax);
}

/**
 * A function that multiplies `rows` rows of a tile by one panel, or by two neighbours.
 * rdi first record of the tile, rsi codes of the panel, r8 its scales, r11 bytes from there to the next panel, r10
 * blocks, rdx where the panel's columns of the first row go, r9 bytes from a row of the result to the next; mask 1:
 * columns of the last panel to write. Changes rax, rdi, rsi, r8, r10, rdx and vectors.
 */
export function emitTile(
  assembler: Assembler,
  rows: number,
  panels: 1 | 2,
  bits: WeightBits,
  scaleBytes: 2 | 4,
): Label {
  const v = createInstructions(assembler);
  const both = panels === 2 ? [0, 1] : [0];
  const sum = (row: number, panel: number) => row * panels + panel;
  const total = (row: number, panel: number) => tileRows * panels + sum(row, panel);
  const [low, high, lowHalf] = [24, 26, 31]; // one of the first two for each panel; scales take their place later
  const broadcast = (row: number) => 28 + (row & 1);
  const factor = (row: number) => 26 + (row & 3);
  const codes = (panel: number, offset: number) => ({ base: rsi, ...(panel === 1 ? { index: r11 } : {}), offset });
  const entry = assembler.label();
  assembler.align(32);
  assembler.place(entry);
  if (bits === 4) {
    assembler.moveConstant(rax, 0x0f0f0f0f);
    v.broadcastRegister(lowHalf, rax);
  }
  const each = (visit: (row: number, panel: number) => void) => {
    for (let row = 0; row < rows; row++) for (const panel of both) visit(row, panel);
  };
  each((row, panel) => v.binary("xor", total(row, panel), total(row, panel), total(row, panel)));
  const next = assembler.label();
  assembler.align(32);
  assembler.place(next);
  each((row, panel) => v.unary("broadcast", sum(row, panel), { base: rdi, offset: row * recordBytes + startAt }));
  const dot = (register: number, group: number) => {
    for (let row = 0; row < rows; row++) {
      const place = { base: rdi, offset: row * recordBytes + 4 * group };
      if (panels === 2) v.unary("broadcast", broadcast(row), place);
      for (const panel of both) {
        v.binary("dotBytes", sum(row, panel), register + panel, panels === 2 ? broadcast(row) : { each: place });
      }
    }
  };
  for (let group = 0; group < (bits === 8 ? 8 : 4); group++) {
    for (const panel of both) {
      v.unary("load", low + panel, codes(panel, 64 * group));
      if (bits === 8) continue;
      v.shiftRightInts(high + panel, low + panel, 4);
      v.binary("and", low + panel, low + panel, lowHalf);
      v.binary("and", high + panel, high + panel, lowHalf);
    }
    dot(low, group);
    if (bits === 4) dot(high, group + 4);
  }
  for (const panel of both) {
    const place = { base: r8, ...(panel === 1 ? { index: r11 } : {}) };
    v.unary(scaleBytes === 2 ? "halvesToFloats" : "load", low + panel, place);
  }
  each((row, panel) => {
    const place = { base: rdi, offset: row * recordBytes + scaleAt };
    const scale = factor(row * panels + panel);
    v.binary("multiplyFloats", scale, low + panel, { each: place });
    v.unary("intsToFloats", sum(row, panel), sum(row, panel));
    v.binary("multiplyAdd", total(row, panel), sum(row, panel), scale);
  });
  assembler.add(rdi, rows * recordBytes);
  assembler.add(rsi, codeBytes(bits));
  assembler.add(r8, panelRows * scaleBytes);
  assembler.subtract(r10, 1);
  assembler.jump(next, "notEqual");
  for (let row = 0; row < rows; row++) {
    for (const panel of both) {
      const place = { base: rdx, offset: 64 * panel };
      v.store(place, total(row, panel), ...(panel === panels - 1 ? [1] : []));
    }
    if (row < rows - 1) v.addRegister(rdx, r9);
  }
  assembler.ret();
  return entry;
}
