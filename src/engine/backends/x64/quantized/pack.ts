/**
 * Quantised weights in the order in which the kernels of `kernels.ts` read them.
 *
 * Sixteen rows (outputs) form a panel, so that a vector register holds one number of each. Within a panel, block after
 * block of 32 inputs: a vector has four consecutive inputs of all sixteen rows as bytes. With 4 bits a byte holds
 * inputs k (low half) and k + 16 (high half) of the block. Behind the codes of all blocks come the scales, sixteen a
 * block, in half precision where that is exact (it is for weights that came from ggml), else in single precision.
 */
import { float32ToFloat16 } from "../../../../support/half-precision.ts";
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
  const bits = new Uint32Array(scales.buffer, scales.byteOffset, scales.length);
  // Ten bits of fraction and a normal exponent, or zero; the few subnormal scales go to single precision.
  return bits.every((word) => {
    const exponent = (word >>> 23) & 255;
    return (word << 1) >>> 0 === 0 || ((word & 0x1fff) === 0 && exponent >= 113 && exponent <= 142);
  });
}

/**
 * Fills `target`, zeroed memory of `packedBytes`.
 * @param codes [rows, columns/32, 32 · bits / 8], as `quantizedMatmul` takes them
 * @param scales [rows, columns/32]
 */
export function packWeights(layout: PackedLayout, codes: Uint8Array, scales: Float32Array, target: Uint8Array): void {
  const { rows, bits, scaleBytes } = layout;
  const blocks = blocksOf(layout);
  const perPanel = panelBytes(layout);
  const toScales = scalesOffset(layout);
  const rowBytes = (layout.columns * bits) / 8;
  const half = scaleBytes === 2 ? float32ToFloat16(scales) : undefined;
  for (let row = 0; row < rows; row++) {
    const lane = row % panelRows;
    const panel = Math.floor(row / panelRows) * perPanel;
    if (bits === 8) packRow8(codes, row * rowBytes, target, panel + 4 * lane, rowBytes);
    else packRow4(codes, row * rowBytes, target, panel + 4 * lane, blocks);
    const view = new DataView(target.buffer, target.byteOffset + panel + toScales, blocks * panelRows * scaleBytes);
    for (let block = 0; block < blocks; block++) {
      const at = (block * panelRows + lane) * scaleBytes;
      if (half === undefined) view.setFloat32(at, scales[row * blocks + block]!, true);
      else view.setUint16(at, half[row * blocks + block]!, true);
    }
  }
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
