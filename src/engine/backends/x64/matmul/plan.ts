/**
 * The plan of one matrix product: which routine works on which block, for each thread.
 *
 * Shapes are known when a program is compiled, so all loops over blocks are unrolled here, in TypeScript, into a table
 * that the driver walks. What remains in machine code are the loops inside a block. Threads split the rows of C (or
 * its columns, if there are more) and share nothing.
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
  | { readonly kind: "tile"; readonly rows: number; readonly vectors: 1 | 2; readonly accumulate: boolean; readonly scale: number }
  | { readonly kind: "packRows" | "packColumns"; readonly width: number };

export const routineKey = (routine: Routine): string => Object.values(routine).join(" ");

/** Base pointers an entry may refer to. */
export const bases = { a: 0, b: 1, c: 2, workspace: 3, constants: 4 } as const;

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

/** Block sizes in elements: a B panel (32 columns) stays in L1, an A block in half of L2. */
export const depthBlock = 256;
const rowBlock = tileRows * 30;
const columnBlock = 4096;
const panelColumns = 2 * lanes;

/** Bytes of scratch memory one thread needs: a packed block of A and one of B. */
const packedA = 0;
const packedB = packedA + (rowBlock + tileRows) * depthBlock * 4;
export const workspaceBytes = packedB + (columnBlock + panelColumns) * depthBlock * 4 + 4096;

/** The constants of a plan: int32 byte distances of sixteen rows of `inner` floats, which `packColumns` reads. */
export const rowDistances = ({ inner }: MatmulShape): Int32Array =>
  Int32Array.from({ length: lanes }, (_, i) => i * inner * 4);

/** The part of the work that one thread does: some products of the batch, and of each the same part of C. */
export interface Part {
  readonly firstProduct: number;
  readonly endProduct: number;
  readonly firstRow: number;
  readonly endRow: number;
  readonly firstColumn: number;
  readonly endColumn: number;
}

/** Splits a batch by products, a single product along the longer side of C at multiples of a tile. */
export function splitWork({ rows, columns, batch }: MatmulShape, threads: number): Part[] {
  const whole: Part = { firstProduct: 0, endProduct: batch, firstRow: 0, endRow: rows, firstColumn: 0, endColumn: columns };
  const shares = (size: number, unit: number) => {
    const share = Math.ceil(size / unit / threads) * unit;
    return Array.from({ length: threads }, (_, i) => [i * share, Math.min((i + 1) * share, size)] as const).filter(([first, end]) => first < end);
  };
  if (batch > 1) return shares(batch, 1).map(([firstProduct, endProduct]) => ({ ...whole, firstProduct, endProduct }));
  if (rows / tileRows >= columns / panelColumns) {
    return shares(rows, tileRows).map(([firstRow, endRow]) => ({ ...whole, firstRow, endRow }));
  }
  return shares(columns, panelColumns).map(([firstColumn, endColumn]) => ({ ...whole, firstColumn, endColumn }));
}

/** Everything one thread does, in order. */
export function planPart(shape: MatmulShape, part: Part): Entry[] {
  const { rows, inner, columns } = shape;
  const single = planProduct(shape, part);
  return Array.from({ length: part.endProduct - part.firstProduct }, (_, i) => {
    const product = part.firstProduct + i;
    if (product === 0) return single;
    const shifts = { a: rows * inner, b: inner * columns, c: rows * columns, workspace: 0, constants: 0 };
    const moved = ({ base, offset }: Place): Place => ({ base, offset: offset + product * shifts[base] * 4 });
    return single.map((entry) => ({ ...entry, places: entry.places.map(moved) }));
  }).flat();
}

/** The part of one product, the first of the batch. */
function planProduct(shape: MatmulShape, part: Part): Entry[] {
  const entries: Entry[] = [];
  for (let n = part.firstColumn; n < part.endColumn; n += columnBlock) {
    const endN = Math.min(n + columnBlock, part.endColumn);
    for (let k = 0; k < shape.inner; k += depthBlock) {
      const depth = Math.min(depthBlock, shape.inner - k);
      const panels = packB(entries, shape, k, depth, n, endN);
      for (let m = part.firstRow; m < part.endRow; m += rowBlock) {
        const endM = Math.min(m + rowBlock, part.endRow);
        packA(entries, shape, k, depth, m, endM);
        for (const panel of panels) multiply(entries, shape, panel, k, depth, m, endM);
      }
    }
  }
  return entries;
}

interface ColumnPanel {
  readonly column: number;
  readonly vectors: 1 | 2;
  readonly offset: number;
}

function packB(entries: Entry[], shape: MatmulShape, k: number, depth: number, n: number, endN: number): ColumnPanel[] {
  const panels: ColumnPanel[] = [];
  let offset = packedB;
  for (let column = n; column < endN; column += panelColumns) {
    const vectors = column + panelColumns <= endN ? 2 : 1;
    const width = vectors * lanes;
    const target = { base: "workspace", offset } as const;
    entries.push(
      shape.transposeB
        ? packColumnsOf(width, "b", column * shape.inner + k, shape.inner, target, depth)
        : packRowsOf(width, "b", k * shape.columns + column, shape.columns, target, depth),
    );
    panels.push({ column, vectors, offset });
    offset += width * depth * 4;
  }
  return panels;
}

function packA(entries: Entry[], shape: MatmulShape, k: number, depth: number, m: number, endM: number): void {
  let offset = packedA;
  for (let row = m; row < endM; row += tileRows) {
    const width = Math.min(tileRows, endM - row);
    const target = { base: "workspace", offset } as const;
    entries.push(
      shape.transposeA
        ? packRowsOf(width, "a", k * shape.rows + row, shape.rows, target, depth)
        : packColumnsOf(width, "a", row * shape.inner + k, shape.inner, target, depth),
    );
    offset += width * depth * 4;
  }
}

const packRowsOf = (width: number, base: "a" | "b", first: number, stride: number, target: Place, depth: number): Entry => ({
  routine: { kind: "packRows", width },
  places: [{ base, offset: first * 4 }, target, target],
  numbers: [stride * 4, depth, 0],
});

const packColumnsOf = (width: number, base: "a" | "b", first: number, stride: number, target: Place, depth: number): Entry => ({
  routine: { kind: "packColumns", width },
  places: [{ base, offset: first * 4 }, target, { base: "constants", offset: 0 }],
  numbers: [stride * lanes * 4, depth, 0],
});

function multiply(entries: Entry[], shape: MatmulShape, panel: ColumnPanel, k: number, depth: number, m: number, endM: number): void {
  const whole = Math.floor((endM - m) / tileRows);
  const rest = endM - m - whole * tileRows;
  const tile = (rows: number, row: number, count: number) =>
    entries.push({
      routine: { kind: "tile", rows, vectors: panel.vectors, accumulate: k > 0, scale: shape.scale },
      places: [
        { base: "workspace", offset: packedA + (row - m) * depth * 4 },
        { base: "workspace", offset: panel.offset },
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
