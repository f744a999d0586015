/**
 * Quantised weights in the order in which the kernels of `kernels.ts` read them.
 *
 * Sixteen rows (outputs) form a panel, so that a vector register holds one number of each. Within a panel, block after
 * block of 32 inputs: a vector has four consecutive inputs of all sixteen rows as bytes. With 4 bits a byte holds
 * inputs k (low half) and k + 16 (high half) of the block. Behind the codes of all blocks come the scales, sixteen a
 * block, in half precision where that is exact (it is for weights that came from ggml), else in single precision.
 */
import { float16ToFloat32, float32ToFloat16 } from "../../../../support/half-precision.ts";
import type { WeightBits } from "../../../ops/quantized.ts";

export const panelRows = 16;
/** Inputs that share a scale. */
export const blockInputs = 32;

export interface PackedLayout {
  readonly bits: WeightBits;
  /** N and K; rows are filled up with zeros to whole panels. */
  readonly rows: number;
  readonly columns: number;
  readonly scaleBytes: 2 | 4;
}

export const panelsOf = ({ rows }: PackedLayout): number => Math.ceil(rows / panelRows);
const blocksOf = ({ columns }: PackedLayout): number => columns / blockInputs;
/** Bytes of the codes of sixteen rows and one block. */
export const codeBytes = (bits: WeightBits): number => (panelRows * blockInputs * bits) / 8;
/** Where the scales of a panel start. */
export const scalesOffset = (layout: PackedLayout): number => blocksOf(layout) * codeBytes(layout.bits);
export const panelBytes = (layout: PackedLayout): number =>
  Math.ceil((scalesOffset(layout) + blocksOf(layout) * panelRows * layout.scaleBytes) / 64) * 64;
export const packedBytes = (layout: PackedLayout): number => panelsOf(layout) * panelBytes(layout);

/** The layout for given weights. */
export function layoutFor(rows: number, columns: number, bits: WeightBits, scales: Float32Array): PackedLayout {
  return { bits, rows, columns, scaleBytes: isExactInHalf(scales) ? 2 : 4 };
}

function isExactInHalf(scales: Float32Array): boolean {
  const back = bitsOf(float16ToFloat32(float32ToFloat16(scales)));
  return bitsOf(scales).every((word, i) => word === back[i]);
}

const bitsOf = (floats: Float32Array) => new Uint32Array(floats.buffer, floats.byteOffset, floats.length);

/**
 * Writes rows from `first` on into `target`, memory of `packedBytes` that was zeroed before the first call.
 * @param codes [n, columns/32, 32 · bits / 8], as `quantizedMatmul` takes them
 * @param scales [n, columns/32]
 */
export function packRows(
  layout: PackedLayout,
  first: number,
  codes: Uint8Array,
  scales: Float32Array,
  target: Uint8Array,
): void {
  const { bits, scaleBytes } = layout;
  const blocks = blocksOf(layout);
  const rowBytes = (layout.columns * bits) / 8;
  const half = scaleBytes === 2 ? float32ToFloat16(scales) : undefined;
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  for (let row = 0; row * blocks < scales.length; row++) {
    const { at, scalesAt } = placeOfRow(layout, first + row);
    if (bits === 8) packRow8(codes, row * rowBytes, target, at, rowBytes);
    else packRow4(codes, row * rowBytes, target, at, blocks);
    for (let block = 0; block < blocks; block++) {
      const place = scalesAt + block * panelRows * scaleBytes;
      if (half === undefined) view.setFloat32(place, scales[row * blocks + block]!, true);
      else view.setUint16(place, half[row * blocks + block]!, true);
    }
  }
}

/** The codes [rows, columns/32, 32 · bits / 8] that were packed. */
export function unpackCodes(layout: PackedLayout, packed: Uint8Array): Uint8Array {
  const { rows, columns, bits } = layout;
  const rowBytes = (columns * bits) / 8;
  const codes = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    const { at } = placeOfRow(layout, row);
    if (bits === 8) unpackRow8(packed, at, codes, row * rowBytes, rowBytes);
    else unpackRow4(packed, at, codes, row * rowBytes, blocksOf(layout));
  }
  return codes;
}

/** The scales [rows, columns/32] that were packed. */
export function unpackScales(layout: PackedLayout, packed: Uint8Array): Float32Array {
  const { rows, scaleBytes } = layout;
  const blocks = blocksOf(layout);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const half = new Uint16Array(scaleBytes === 2 ? rows * blocks : 0);
  const full = new Float32Array(scaleBytes === 2 ? 0 : rows * blocks);
  for (let row = 0; row < rows; row++) {
    const { scalesAt } = placeOfRow(layout, row);
    for (let block = 0; block < blocks; block++) {
      const place = scalesAt + block * panelRows * scaleBytes;
      if (scaleBytes === 2) half[row * blocks + block] = view.getUint16(place, true);
      else full[row * blocks + block] = view.getFloat32(place, true);
    }
  }
  return scaleBytes === 2 ? float16ToFloat32(half) : full;
}

/** Where the first codes and the first scale of a row are. */
function placeOfRow(layout: PackedLayout, row: number): { readonly at: number; readonly scalesAt: number } {
  const panel = Math.floor(row / panelRows) * panelBytes(layout);
  const lane = row % panelRows;
  return { at: panel + 4 * lane, scalesAt: panel + scalesOffset(layout) + lane * layout.scaleBytes };
}

function packRow8(codes: Uint8Array, from: number, target: Uint8Array, to: number, count: number): void {
  for (let k = 0; k < count; k += 4) {
    const at = to + k * panelRows;
    target[at] = codes[from + k]!;
    target[at + 1] = codes[from + k + 1]!;
    target[at + 2] = codes[from + k + 2]!;
    target[at + 3] = codes[from + k + 3]!;
  }
}

/** A source byte has neighbours k and k + 1; a target byte has k and k + 16. */
function packRow4(codes: Uint8Array, from: number, target: Uint8Array, to: number, blocks: number): void {
  const blockBytes = blockInputs / 2;
  for (let block = 0; block < blocks; block++) {
    for (let group = 0; group < 4; group++) {
      const source = from + block * blockBytes + 2 * group;
      const at = to + block * codeBytes(4) + 64 * group;
      const [a, b] = [codes[source]!, codes[source + 1]!];
      const [c, d] = [codes[source + 8]!, codes[source + 9]!];
      target[at] = (a & 15) | ((c & 15) << 4);
      target[at + 1] = (a >> 4) | (c & 0xf0);
      target[at + 2] = (b & 15) | ((d & 15) << 4);
      target[at + 3] = (b >> 4) | (d & 0xf0);
    }
  }
}

function unpackRow8(packed: Uint8Array, from: number, codes: Uint8Array, to: number, count: number): void {
  for (let k = 0; k < count; k += 4) {
    for (let i = 0; i < 4; i++) codes[to + k + i] = packed[from + k * panelRows + i]!;
  }
}

function unpackRow4(packed: Uint8Array, from: number, codes: Uint8Array, to: number, blocks: number): void {
  const blockBytes = blockInputs / 2;
  for (let block = 0; block < blocks; block++) {
    for (let group = 0; group < 4; group++) {
      const source = from + block * codeBytes(4) + 64 * group;
      const at = to + block * blockBytes + 2 * group;
      for (const pair of [0, 1]) {
        const [a, b] = [packed[source + 2 * pair]!, packed[source + 2 * pair + 1]!];
        codes[at + pair] = (a & 15) | ((b & 15) << 4);
        codes[at + 8 + pair] = (a >> 4) | (b & 0xf0);
      }
    }
  }
}
