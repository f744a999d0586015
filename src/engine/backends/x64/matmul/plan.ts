/**
 * The plan of one matrix product: which routine works on which block, and what may be done at the same time.
 *
 * Shapes are known when a program is compiled, so all loops over blocks are unrolled here, in TypeScript, into tables
 * that the driver walks. What remains in machine code are the loops inside a block. A plan is a list of phases; the
 * parts of a phase are independent, and there are more of them than threads, so that a thread that was held up takes
 * fewer. A single product packs B first, then computes blocks of rows; a batch is split by products.
 */
import { entryBytes, lanes, tileRows } from "./kernels.ts";

export interface MatmulShape {
  readonly rows: number; // M
  readonly inner: number; // K
  readonly columns: number; // N, a multiple of 16
  /** A is stored [K, M]. */
  readonly transposeA: boolean;
  /** B is stored [N, K]. */
  readonly transposeB: boolean;
  /** Factor on the product. */
  readonly scale: number;
  /** Independent products, their matrices laid end to end. 1 for a plain product. */
  readonly batch: number;
}

/** A routine by name, for `kernels.ts` to make and an address to be found. */
export type Routine =
  | {
      readonly kind: "tile";
      readonly rows: number;
      readonly vectors: 1 | 2;
      readonly accumulate: boolean;
      readonly scale: number;
    }
  | { readonly kind: "packRows" | "packColumns"; readonly width: number };

export const routineKey = (routine: Routine): string => Object.values(routine).join(" ");

/** Base pointers an entry may refer to. */
export const bases = { a: 0, b: 1, c: 2, packed: 3, scratch: 4, constants: 5 } as const;

interface Place {
  readonly base: keyof typeof bases;
  /** In bytes. */
  readonly offset: number;
}

export interface Entry {
  readonly routine: Routine;
  readonly places: readonly Place[];
  readonly numbers: readonly number[];
}

const panelColumns = 2 * lanes;
/** Most parts of a phase. */
export const mostParts = 16;
/** Longest block of k: a B panel of 32 columns stays in the L1 cache. */
const deepest = 256;
/** Rows of a block of A: with a block of k it stays in the L2 cache, beside its part of C. */
const blockRows = tileRows * 10;
/** Elements of B that are packed at once. */
const mostOfB = 4 * 1024 * 1024;
/** Elements of B in each product of a batch; larger ones are not for us. */
export const mostOfBatchB = 256 * 1024;

/** Bytes of the memory that all parts share: packed B, with room for a vector behind it. */
export const packedBytes = mostOfB * 4 + 4096;
/** Bytes of scratch memory of one part: a packed block of A, and a packed B of a batch. */
const scratchB = blockRows * deepest * 4 + 4096;
export const scratchBytes = scratchB + mostOfBatchB * 4 + 4096;

/** Splits k into blocks of nearly equal length, multiples of 16 but for the last. */
function depths(inner: number): { readonly start: number; readonly depth: number }[] {
  const depth = Math.ceil(inner / Math.ceil(inner / deepest) / lanes) * lanes;
  return Array.from({ length: Math.ceil(inner / depth) }, (_, i) => ({
    start: i * depth,
    depth: Math.min(depth, inner - i * depth),
  }));
}

/** The constants of a plan: int32 byte distances of sixteen rows of `inner` floats, which `packColumns` reads. */
export const rowDistances = ({ inner }: MatmulShape): Int32Array =>
  Int32Array.from({ length: lanes }, (_, i) => i * inner * 4);

/** Phases, one after another; of each the parts, in any order; of each the entries, in order. */
export type Plan = readonly (readonly (readonly Entry[])[])[];

export const planMatmul = (shape: MatmulShape): Plan => (shape.batch === 1 ? planSingle(shape) : [planBatch(shape)]);

/** For each range of columns that fits: pack B, then all blocks of rows. */
function planSingle(shape: MatmulShape): Plan {
  const width = Math.max(1, Math.floor(mostOfB / shape.inner / panelColumns)) * panelColumns;
  const ranges = Array.from({ length: Math.ceil(shape.columns / width) }, (_, i) => i * width);
  return ranges.flatMap((first) => {
    const packing: Entry[] = [];
    const panels = packB(packing, shape, first, Math.min(first + width, shape.columns), { base: "packed", offset: 0 });
    const share = Math.ceil(packing.length / mostParts);
    const packingParts = Array.from({ length: Math.ceil(packing.length / share) }, (_, i) =>
      packing.slice(i * share, (i + 1) * share),
    );
    const rows = Math.ceil(shape.rows / mostParts / tileRows) * tileRows;
    const rowParts = Array.from({ length: Math.ceil(shape.rows / rows) }, (_, i) =>
      planRows(shape, panels, i * rows, Math.min((i + 1) * rows, shape.rows)),
    );
    return [packingParts, rowParts];
  });
}

/** Some products of a batch a part; each packs its own B. */
function planBatch(shape: MatmulShape): Entry[][] {
  const first: Entry[] = [];
  const panels = packB(first, shape, 0, shape.columns, { base: "scratch", offset: scratchB });
  first.push(...planRows(shape, panels, 0, shape.rows));
  const { rows, inner, columns, batch } = shape;
  const distance = { a: rows * inner, b: inner * columns, c: rows * columns, packed: 0, scratch: 0, constants: 0 };
  const product = (index: number) =>
    first.map((entry) => ({
      ...entry,
      places: entry.places.map(({ base, offset }) => ({ base, offset: offset + index * distance[base] * 4 })),
    }));
  const share = Math.ceil(batch / mostParts);
  return Array.from({ length: Math.ceil(batch / share) }, (_, part) =>
    Array.from({ length: Math.min(share, batch - part * share) }, (_, i) => product(part * share + i)).flat(),
  );
}

/** Rows of C from packed B: each block is finished for all of k before the next, so that it stays in the L2 cache. */
function planRows(shape: MatmulShape, panels: readonly ColumnPanel[], first: number, end: number): Entry[] {
  const entries: Entry[] = [];
  for (let m = first; m < end; m += blockRows) {
    const endM = Math.min(m + blockRows, end);
    for (const { start, depth } of depths(shape.inner)) {
      packA(entries, shape, start, depth, m, endM);
      for (const panel of panels) if (panel.start === start) multiply(entries, shape, panel, m, endM);
    }
  }
  return entries;
}

/** A packed block of B: up to 32 columns, one block of k. */
interface ColumnPanel {
  readonly column: number;
  readonly vectors: 1 | 2;
  readonly start: number;
  readonly depth: number;
  readonly place: Place;
}

function packB(entries: Entry[], shape: MatmulShape, first: number, end: number, target: Place): ColumnPanel[] {
  const panels: ColumnPanel[] = [];
  let { offset } = target;
  for (const { start, depth } of depths(shape.inner)) {
    for (let column = first; column < end; column += panelColumns) {
      const vectors = column + panelColumns <= end ? 2 : 1;
      const width = vectors * lanes;
      const place = { base: target.base, offset };
      entries.push(
        shape.transposeB
          ? packColumnsOf(width, "b", column * shape.inner + start, shape.inner, place, depth)
          : packRowsOf(width, "b", start * shape.columns + column, shape.columns, place, depth),
      );
      panels.push({ column, vectors, start, depth, place });
      offset += width * depth * 4;
    }
  }
  return panels;
}

function packA(entries: Entry[], shape: MatmulShape, k: number, depth: number, m: number, endM: number): void {
  let offset = 0;
  for (let row = m; row < endM; row += tileRows) {
    const width = Math.min(tileRows, endM - row);
    const target = { base: "scratch", offset } as const;
    entries.push(
      shape.transposeA
        ? packRowsOf(width, "a", k * shape.rows + row, shape.rows, target, depth)
        : packColumnsOf(width, "a", row * shape.inner + k, shape.inner, target, depth),
    );
    offset += width * depth * 4;
  }
}

const packRowsOf = (
  width: number,
  base: "a" | "b",
  first: number,
  stride: number,
  target: Place,
  depth: number,
): Entry => ({
  routine: { kind: "packRows", width },
  places: [{ base, offset: first * 4 }, target, target],
  numbers: [stride * 4, depth, 0],
});

const packColumnsOf = (
  width: number,
  base: "a" | "b",
  first: number,
  stride: number,
  target: Place,
  depth: number,
): Entry => ({
  routine: { kind: "packColumns", width },
  places: [{ base, offset: first * 4 }, target, { base: "constants", offset: 0 }],
  numbers: [stride * lanes * 4, depth, 0],
});

function multiply(entries: Entry[], shape: MatmulShape, panel: ColumnPanel, m: number, endM: number): void {
  const { start, depth, vectors } = panel;
  const whole = Math.floor((endM - m) / tileRows);
  const rest = endM - m - whole * tileRows;
  const tile = (rows: number, row: number, count: number) =>
    entries.push({
      routine: { kind: "tile", rows, vectors, accumulate: start > 0, scale: shape.scale },
      places: [
        { base: "scratch", offset: (row - m) * depth * 4 },
        panel.place,
        { base: "c", offset: (row * shape.columns + panel.column) * 4 },
      ],
      numbers: [shape.columns * 4, depth, count],
    });
  if (whole > 0) tile(tileRows, m, whole);
  if (rest > 0) tile(rest, m + whole * tileRows, 1);
}

/** The driver's table of a list of entries. */
export function encodeTable(entries: readonly Entry[], addressOf: (routine: Routine) => bigint): BigInt64Array {
  const words = new BigInt64Array((entries.length * entryBytes) / 8);
  entries.forEach(({ routine, places, numbers }, i) => {
    const at = i * (entryBytes / 8);
    words[at] = addressOf(routine);
    places.forEach(({ offset }, j) => {
      words[at + 1 + j] = BigInt(offset);
    });
    numbers.forEach((number, j) => {
      words[at + 4 + j] = BigInt(number);
    });
    words[at + 7] = places.reduce((packed, { base }, j) => packed | (BigInt(bases[base]) << BigInt(8 * j)), 0n);
  });
  return words;
}
