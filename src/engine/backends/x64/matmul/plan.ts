/**
 * The plan of one matrix product: which routine works on which block, and what may be done at the same time.
 *
 * Shapes are known when a program is compiled, so all loops over blocks are unrolled here, in TypeScript, into tables
 * that the driver walks. What remains in machine code are the loops inside a block. A plan is a list of phases; the
 * parts of a phase are independent, and there are more of them than threads, so that a thread that was held up takes
 * fewer. A single product packs B first, then computes blocks of C; a batch is split by products.
 *
 * Blocks (measured in `docs/decisions/machine-code-products.md`): a panel of A, 14 rows by 512, stays in the L1 cache
 * while a block of B, 512 by up to 384 columns, passes by from the L2 cache. A is read where it lies if its rows do not
 * drive each other out of the L1 cache; otherwise each panel is packed just before it is used.
 */
import type { RowsForm } from "../attention-training/kernels.ts";
import { entryBytes, lanes, type TileForm, tileRows } from "./kernels.ts";

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
  /** What is added to the product: a matrix for each of the batch, or one for all. Default nothing. */
  readonly addend?: "each" | "shared";
}

/** A routine by name, for `kernels.ts` to make and an address to be found. */
export type Routine =
  | ({ readonly kind: "tile" } & TileForm)
  | { readonly kind: "packRows" | "packColumns"; readonly width: number; readonly stride: number }
  | ({ readonly kind: "softmaxRows" | "softmaxGradientRows" } & RowsForm);

export const routineKey = (routine: Routine): string => Object.values(routine).join(" ");

/** Base pointers an entry may refer to. */
export const bases = { a: 0, b: 1, c: 2, packed: 3, scratch: 4, constants: 5, addend: 6 } as const;

type Base = keyof typeof bases;

interface PlaceOf<B extends string> {
  readonly base: B;
  /** In bytes. */
  readonly offset: number;
}

type Place = PlaceOf<Base>;

/** One call of a routine. `B` names the base pointers. */
export interface Entry<B extends string = Base> {
  readonly routine: Routine;
  readonly places: readonly PlaceOf<B>[];
  readonly numbers: readonly number[];
}

const panelColumns = 2 * lanes;
/** Most parts of a phase. */
export const mostParts = 32;
/** Longest block of k: 14 rows of it take 28 KB of the L1 cache. */
const deepest = 512;
/** Most columns of a block of B: with the deepest k 768 KB of the L2 cache. */
const mostColumns = 384;
/** Rows of a block of C, about. */
const blockRows = tileRows * 10;
/** Elements of B that are packed at once. */
const mostOfB = 4 * 1024 * 1024;
/** Elements of B in each product of a batch; larger ones are not for us. */
export const mostOfBatchB = 256 * 1024;

/** Bytes of the memory that all parts share: packed B, with room for a vector behind it. */
export const packedBytes = mostOfB * 4 + 4096;
/** Bytes of scratch memory of one part: a packed panel of A, and a packed B of a batch. */
const scratchB = tileRows * deepest * 4 + 4096;
export const scratchBytes = scratchB + mostOfBatchB * 4 + 4096;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Splits 0 … length into at most `pieces` of nearly equal length, multiples of `unit` but for the last. */
function split(length: number, pieces: number, unit: number): Range[] {
  const size = Math.ceil(length / pieces / unit) * unit;
  return Array.from({ length: Math.ceil(length / size) }, (_, i) => ({
    start: i * size,
    end: Math.min((i + 1) * size, length),
  }));
}

/** Blocks of k. */
const depths = (inner: number): Range[] => split(inner, Math.ceil(inner / deepest), lanes);

/** The constants of a plan: int32 byte distances of sixteen rows of `inner` floats, which `packColumns` reads. */
export const rowDistances = ({ inner }: MatmulShape): Int32Array =>
  Int32Array.from({ length: lanes }, (_, i) => i * inner * 4);

/** Phases, one after another; of each the parts, in any order; of each the entries, in order. */
export type Plan<B extends string = Base> = readonly (readonly (readonly Entry<B>[])[])[];

export const planMatmul = (shape: MatmulShape): Plan => (shape.batch === 1 ? planSingle(shape) : [planBatch(shape)]);

/** For each range of columns that fits: pack B, then compute all blocks of C. */
function planSingle(shape: MatmulShape): Plan {
  const width = Math.max(1, Math.floor(mostOfB / shape.inner / panelColumns)) * panelColumns;
  return split(shape.columns, Math.ceil(shape.columns / width), panelColumns).flatMap((range) => {
    const packing: Entry[] = [];
    const panels = packB(packing, shape, range, { base: "packed", offset: 0 });
    const packingParts = split(packing.length, mostParts, 1).map(({ start, end }) => packing.slice(start, end));
    const columns = split(range.end - range.start, Math.ceil((range.end - range.start) / mostColumns), panelColumns);
    // Blocks of columns that are left over when every one has a part share parts.
    const groups = split(columns.length, Math.min(columns.length, 8), 1);
    const rows = split(
      shape.rows,
      Math.min(Math.floor(mostParts / groups.length), Math.ceil(shape.rows / blockRows)),
      tileRows,
    );
    const parts = groups.flatMap((group) =>
      rows.map((block) =>
        columns
          .slice(group.start, group.end)
          .flatMap(({ start, end }) =>
            planBlock(shape, panels, block, { start: range.start + start, end: range.start + end }),
          ),
      ),
    );
    return [packingParts, parts];
  });
}

/** Some products of a batch a part; each packs its own B. */
function planBatch(shape: MatmulShape): Entry[][] {
  const { rows, inner, columns, batch } = shape;
  const first: Entry[] = [];
  const panels = packB(first, shape, { start: 0, end: columns }, { base: "scratch", offset: scratchB });
  for (const block of split(columns, Math.ceil(columns / mostColumns), panelColumns)) {
    first.push(...planBlock(shape, panels, { start: 0, end: rows }, block));
  }
  const addend = shape.addend === "each" ? rows * columns : 0;
  const distance = {
    a: rows * inner,
    b: inner * columns,
    c: rows * columns,
    addend,
    packed: 0,
    scratch: 0,
    constants: 0,
  };
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

/** A block of C: each block of k goes through all panels of A before the next. */
function planBlock(shape: MatmulShape, panels: readonly ColumnPanel[], rows: Range, columns: Range): Entry[] {
  const entries: Entry[] = [];
  for (const k of depths(shape.inner)) {
    const own = panels.filter(
      ({ start, column }) => start === k.start && column >= columns.start && column < columns.end,
    );
    const whole = own.filter(({ vectors }) => vectors === 2);
    for (let row = rows.start; row < rows.end; row += tileRows) {
      const place = placeA(entries, shape, k, row, Math.min(tileRows, rows.end - row));
      if (whole.length > 0) multiply(entries, shape, k, place, whole);
      if (whole.length < own.length) multiply(entries, shape, k, place, own.slice(whole.length));
    }
  }
  return entries;
}

/** A packed block of B: up to 32 columns, one block of k. Those of one block of k lie end to end. */
interface ColumnPanel {
  readonly column: number;
  readonly vectors: 1 | 2;
  readonly start: number;
  readonly place: Place;
}

function packB(entries: Entry[], shape: MatmulShape, columns: Range, target: Place): ColumnPanel[] {
  const panels: ColumnPanel[] = [];
  let { offset } = target;
  for (const { start, end } of depths(shape.inner)) {
    for (let column = columns.start; column < columns.end; column += panelColumns) {
      const vectors = column + panelColumns <= columns.end ? 2 : 1;
      const width = vectors * lanes;
      const place = { base: target.base, offset };
      entries.push(
        shape.transposeB
          ? packColumnsOf(width, "b", column * shape.inner + start, shape.inner, place, end - start)
          : packRowsOf(width, "b", start * shape.columns + column, shape.columns, place, end - start),
      );
      panels.push({ column, vectors, start, place });
      offset += width * (end - start) * 4;
    }
  }
  return panels;
}

/** A panel of A for the kernel: where it is, its strides, and what to fetch for the one below. */
interface PlaceA {
  readonly row: number;
  readonly place: Place;
  readonly next: Place;
  readonly form: Pick<TileForm, "rows" | "rowA" | "stepA" | "fetch" | "fetchDistance">;
}

/** A's panel where it lies or, if its lines would not stay in the L1 cache, packed. */
function placeA(entries: Entry[], shape: MatmulShape, k: Range, row: number, rows: number): PlaceA {
  const stride = (shape.transposeA ? shape.rows : shape.inner) * 4;
  const elements = shape.transposeA ? k.start * shape.rows + row : row * shape.inner + k.start;
  const source = { base: "a", offset: elements * 4 } as const;
  const depth = k.end - k.start;
  const packed = { base: "scratch", offset: 0 } as const;
  const inScratch = { rows, rowA: 4, stepA: rows * 4, fetchDistance: stride };
  if (shape.transposeA) {
    entries.push(packRowsOf(rows, "a", elements, shape.rows, packed, depth));
    const next = { base: "a", offset: source.offset + (2 * tileRows - 1) * 4 } as const;
    return { row, place: packed, next, form: { ...inScratch, fetch: "steps" } };
  }
  const next = { base: "a", offset: source.offset + tileRows * stride } as const;
  if (staysInL1(stride, depth)) {
    return { row, place: source, next, form: { rows, rowA: stride, stepA: 4, fetch: "rows", fetchDistance: stride } };
  }
  entries.push(packColumnsOf(rows, "a", elements, shape.inner, packed, depth));
  return { row, place: packed, next, form: { ...inScratch, fetch: "rows" } };
}

/** Whether no set of a cache of 64 sets gets more than eight lines of a panel of rows at this distance. */
function staysInL1(stride: number, depth: number): boolean {
  const sets = new Array<number>(64).fill(0);
  for (let row = 0; row < tileRows; row++) {
    for (let line = 0; line * lanes < depth; line++) sets[Math.floor((row * stride) / 64 + line) % sets.length]!++;
  }
  return Math.max(...sets) <= 8;
}

const packRowsOf = (
  width: number,
  base: "a" | "b",
  first: number,
  stride: number,
  target: Place,
  depth: number,
): Entry => ({
  routine: { kind: "packRows", width, stride: stride * 4 },
  places: [{ base, offset: first * 4 }, target],
  numbers: [depth],
});

const packColumnsOf = (
  width: number,
  base: "a" | "b",
  first: number,
  stride: number,
  target: Place,
  depth: number,
): Entry => ({
  routine: { kind: "packColumns", width, stride: stride * 4 },
  places: [{ base, offset: first * 4 }, target, { base: "constants", offset: 0 }],
  numbers: [depth],
});

function multiply(
  entries: Entry[],
  { columns, scale, addend }: MatmulShape,
  k: Range,
  { row, place, next, form }: PlaceA,
  panels: readonly ColumnPanel[],
): void {
  const { column, vectors, place: placeB } = panels[0]!;
  const onto = k.start > 0 ? "result" : addend === undefined ? "nothing" : "addend";
  const offset = (row * columns + column) * 4;
  entries.push({
    routine: { kind: "tile", ...form, vectors, onto, scale, rowC: columns * 4 },
    places: [place, placeB, { base: "c", offset }, { base: "addend", offset }, next],
    numbers: [k.end - k.start, panels.length],
  });
}

/** The driver's table of a list of entries; `order` says which of the base pointers is meant. */
export function encodeTable<B extends string = Base>(
  entries: readonly Entry<B>[],
  addressOf: (routine: Routine) => bigint,
  order: Readonly<Record<B, number>> = bases as Readonly<Record<string, number>>,
): BigInt64Array {
  const words = new BigInt64Array((entries.length * entryBytes) / 8);
  entries.forEach(({ routine, places, numbers }, i) => {
    const at = i * (entryBytes / 8);
    words[at] = addressOf(routine);
    places.forEach(({ offset }, j) => {
      words[at + 1 + j] = BigInt(offset);
    });
    numbers.forEach((number, j) => {
      words[at + 6 + j] = BigInt(number);
    });
    words[at + 8] = places.reduce((packed, { base }, j) => packed | (BigInt(order[base]) << BigInt(8 * j)), 0n);
  });
  return words;
}
