/**
 * The loops of a quantised product: which thread computes which rows and panels, from sizes known at compile time (the
 * weights') and at run time (M, the rows of the left operand).
 *
 * Both functions are `void chunk(void *frame, size_t index)`. The frame's words are addresses and M, at the offsets given.
 */
import type { WeightBits } from "../../../ops/quantized.ts";
import { type Assembler, gpr, type Label } from "../assembler.ts";
import { createInstructions } from "./instructions.ts";
import { emitRoundingConstants, emitRoundRow, emitTile, recordBytes, tileRows } from "./kernels.ts";
import { blockInputs, type PackedLayout, panelBytes, panelRows, panelsOf, scalesOffset } from "./pack.ts";

const { rax, rbx, rcx, rdx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 } = gpr;
const saved = [rbx, rbp, r12, r13, r14, r15];

/** Where a frame keeps what the functions need, in bytes. */
export interface ProductFrame {
  /** Address of the left operand, float32 [M, K]. */
  readonly input: number;
  /** Address of M · K/32 records. */
  readonly records: number;
  /** M */
  readonly rows: number;
}

/** One weight of a product and where its result goes. */
export interface ProductPart {
  readonly layout: PackedLayout;
  /** Address of the packed weights. */
  readonly packed: bigint;
  /** Offset in the frame of the address of the result, float32 [M, N]. */
  readonly output: number;
}

/** Bytes of a rounded row of K inputs. */
export const roundedRowBytes = (columns: number): number => (columns / blockInputs) * recordBytes;

/** Chunks of `emitRounding`; up to `tileRows` rows are all in the first. */
export const roundingChunks = 8;

function enter(assembler: Assembler): Label {
  const entry = assembler.label();
  assembler.align(16);
  assembler.place(entry);
  for (const register of saved) assembler.push(register);
  assembler.move(rbx, rdi);
  return entry;
}

function leave(assembler: Assembler): void {
  for (const register of saved.toReversed()) assembler.pop(register);
  assembler.vzeroupper();
  assembler.ret();
}

/** Rounds the left operand, tile by tile. */
export function emitRounding(assembler: Assembler, columns: number, bits: WeightBits, frame: ProductFrame): Label {
  const v = createInstructions(assembler);
  const entry = enter(assembler);
  const [nextTile, nextRow, done] = [assembler.label(), assembler.label(), assembler.label()];
  assembler.multiply(r13, rsi, tileRows); // first row of the tile
  emitRoundingConstants(assembler, bits);
  assembler.place(nextTile);
  assembler.load(r14, { base: rbx, offset: frame.rows });
  assembler.compare(r13, r14);
  assembler.jump(done, "aboveOrEqual");
  emitRowsLeft(assembler, r14, r13);
  assembler.multiply(rdi, r13, columns * 4);
  assembler.load(rax, { base: rbx, offset: frame.input });
  v.addRegister(rdi, rax);
  assembler.multiply(r12, r13, roundedRowBytes(columns));
  assembler.load(rax, { base: rbx, offset: frame.records });
  v.addRegister(r12, rax);
  assembler.multiply(r9, r14, recordBytes);
  assembler.place(nextRow);
  assembler.move(rsi, r12);
  assembler.moveConstant(r10, columns / blockInputs);
  emitRoundRow(assembler); // leaves rdi at the next row
  assembler.add(r12, recordBytes);
  assembler.subtract(r14, 1);
  assembler.jump(nextRow, "notEqual");
  assembler.add(r13, tileRows * roundingChunks);
  assembler.jump(nextTile);
  assembler.place(done);
  leave(assembler);
  return entry;
}

/** rows = min(tileRows, rows − first); rcx is lost. */
function emitRowsLeft(assembler: Assembler, rows: number, first: number): void {
  assembler.subtractRegister(rows, first);
  assembler.moveConstant(rcx, tileRows);
  assembler.compare(rcx, rows);
  assembler.moveIf("below", rows, rcx);
}

const bytesPerChunk = 32 * 1024;
const mostChunks = 32;

/** Panels of a part that one chunk computes. */
function panelsPerChunk(layout: PackedLayout): number {
  const panels = panelsOf(layout);
  const wanted = Math.max(1, Math.min(mostChunks, Math.round((panels * panelBytes(layout)) / bytesPerChunk)));
  const each = Math.ceil(panels / wanted);
  return each > 1 ? Math.ceil(each / 2) * 2 : 1; // pairs of panels are multiplied together
}
const chunksOf = (layout: PackedLayout): number => Math.ceil(panelsOf(layout) / panelsPerChunk(layout));
export const productChunks = (parts: readonly ProductPart[]): number =>
  parts.reduce((sum, { layout }) => sum + chunksOf(layout), 0);

/** Rounded rows that stay in the second-level cache while the panels of a chunk pass by. */
const rowsAtOnce = (columns: number): number =>
  Math.max(1, Math.floor((384 * 1024) / roundedRowBytes(columns) / tileRows)) * tileRows;

/** Tiles are shared by all products of one piece of code. */
const tiles = new WeakMap<Assembler, Map<string, Label>>();

function tileOf(assembler: Assembler, rows: number, panels: 1 | 2, { bits, scaleBytes }: PackedLayout): Label {
  const known = tiles.get(assembler) ?? new Map<string, Label>();
  tiles.set(assembler, known);
  const key = `${rows} ${panels} ${bits} ${scaleBytes}`;
  const label = known.get(key) ?? emitTile(assembler, rows, panels, bits, scaleBytes);
  known.set(key, label);
  return label;
}

/** Multiplies rounded rows by the panels of all parts, which have the same K. */
export function emitProduct(assembler: Assembler, parts: readonly ProductPart[], frame: ProductFrame): Label {
  // Emitted before the function that calls them.
  for (const { layout } of parts) {
    for (const panels of [1, 2] as const) {
      for (let rows = 1; rows <= tileRows; rows++) tileOf(assembler, rows, panels, layout);
    }
  }
  const entry = enter(assembler);
  const done = assembler.label();
  parts.forEach((part, i) => {
    const after = assembler.label();
    assembler.compareConstant(rsi, chunksOf(part.layout));
    if (i < parts.length - 1) assembler.jump(after, "aboveOrEqual");
    emitPart(assembler, part, frame);
    assembler.jump(done);
    assembler.place(after);
    assembler.subtract(rsi, chunksOf(part.layout));
  });
  assembler.place(done);
  leave(assembler);
  return entry;
}

/** Chunk rsi of one part. Rows go in blocks (r14 … r15), in a block panel after panel (r12), then tile after tile (r13). */
function emitPart(assembler: Assembler, { layout, packed, output }: ProductPart, frame: ProductFrame): void {
  const v = createInstructions(assembler);
  const panels = panelsOf(layout);
  const perChunk = panelsPerChunk(layout);
  const atOnce = rowsAtOnce(layout.columns);
  const [nextBlock, nextPanel, nextTile, single, tileDone, panelDone, finished] = Array.from({ length: 7 }, () =>
    assembler.label(),
  ) as [Label, Label, Label, Label, Label, Label, Label];
  const limit = (register: number, largest: number) => {
    assembler.moveConstant(rcx, largest);
    assembler.compare(rcx, register);
    assembler.moveIf("below", register, rcx);
  };
  assembler.multiply(rbp, rsi, perChunk); // first panel, kept
  assembler.moveConstant(r14, 0);
  assembler.place(nextBlock);
  assembler.load(rax, { base: rbx, offset: frame.rows });
  assembler.compare(r14, rax);
  assembler.jump(finished, "aboveOrEqual");
  assembler.address(r15, { base: r14, offset: atOnce });
  assembler.compare(rax, r15);
  assembler.moveIf("below", r15, rax);
  assembler.move(r12, rbp);

  assembler.place(nextPanel);
  assembler.move(r13, r14);
  assembler.place(nextTile);
  // What the tile reads and writes.
  assembler.multiply(rdi, r13, roundedRowBytes(layout.columns));
  assembler.load(rax, { base: rbx, offset: frame.records });
  v.addRegister(rdi, rax);
  assembler.multiply(rsi, r12, panelBytes(layout));
  assembler.moveConstant(rax, packed);
  v.addRegister(rsi, rax);
  assembler.address(r8, { base: rsi, offset: scalesOffset(layout) });
  assembler.multiply(rdx, r13, layout.rows * 4);
  assembler.load(rax, { base: rbx, offset: output });
  v.addRegister(rdx, rax);
  assembler.multiply(rax, r12, panelRows * 4);
  v.addRegister(rdx, rax);
  assembler.moveConstant(r9, layout.rows * 4);
  assembler.moveConstant(r10, layout.columns / blockInputs);
  assembler.moveConstant(r11, panelBytes(layout));
  // Two panels at once where there are two in this chunk and more than one row; the last panel may be partial.
  assembler.address(rax, { base: rbp, offset: perChunk });
  limit(rax, panels);
  assembler.subtractRegister(rax, r12); // panels left
  assembler.load(rcx, { base: rbx, offset: frame.rows });
  const emitMask = (first: number) => {
    const [whole, set] = [assembler.label(), assembler.label()];
    const rest = layout.rows % panelRows;
    if (rest !== 0) {
      assembler.compareConstant(r12, panels - first);
      assembler.jump(whole, "notEqual");
      assembler.moveConstant(rcx, (1 << rest) - 1);
      assembler.jump(set);
    }
    assembler.place(whole);
    assembler.moveConstant(rcx, 0xffff);
    assembler.place(set);
    v.maskFrom(1, rcx);
  };
  const emitCalls = (count: 1 | 2) => {
    emitMask(count);
    assembler.load(rax, { base: rbx, offset: frame.rows });
    emitRowsLeft(assembler, rax, r13);
    for (const rows of [tileRows, ...Array.from({ length: tileRows - 1 }, (_, i) => i + 1)]) {
      const other = assembler.label();
      assembler.compareConstant(rax, rows);
      assembler.jump(other, "notEqual");
      assembler.call(tileOf(assembler, rows, count, layout));
      assembler.moveConstant(rax, count);
      assembler.jump(tileDone);
      assembler.place(other);
    }
  };
  assembler.compareConstant(rax, 2);
  assembler.jump(single, "below");
  assembler.compareConstant(rcx, 2);
  assembler.jump(single, "below");
  emitCalls(2);
  assembler.place(single);
  emitCalls(1);

  assembler.place(tileDone); // rax: how many panels were multiplied
  assembler.add(r13, tileRows);
  assembler.compare(r13, r15);
  assembler.jump(nextTile, "below");
  assembler.place(panelDone);
  v.addRegister(r12, rax);
  assembler.address(rax, { base: rbp, offset: perChunk });
  limit(rax, panels);
  assembler.compare(r12, rax);
  assembler.jump(nextPanel, "below");
  assembler.move(r14, r15);
  assembler.jump(nextBlock);
  assembler.place(finished);
}
