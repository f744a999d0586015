/**
 * q4_0 and q8_0 in the layout of ONNX Runtime's `MatMulNBits` operator (block size 32), and back. The numbers stay the
 * same, only their places change, so an exported file and a running int4 model hold the same weights.
 *
 * For a weight [N, K] the operator wants the numbers [N, K/32, 16 or 32] as unsigned bytes — 4-bit: neighbours share a
 * byte, even element in the low nibble, zero point 8 (as in q4_0); 8-bit: zero point 128, so q8_0's signed byte with its
 * top bit turned — and the scales [N · K/32] apart. Both zero points are the operator's defaults and need no input.
 */
import { checkDivides, checkInteger, checkLength } from "../../support/checks.ts";
import { CongError } from "../../support/errors.ts";
import { blockElements } from "./codec.ts";
import { readScales, writeScales } from "./scales.ts";
import { blockCodecOf } from "./table.ts";

/** Types that have this layout. */
export type NBitsType = "q4_0" | "q8_0";

/** A weight [rows, columns] as the inputs of `MatMulNBits`. */
export interface NBitsWeight {
  readonly bits: 4 | 8;
  /** N, outputs. */
  readonly rows: number;
  /** K, inputs; a multiple of 32. */
  readonly columns: number;
  /** [N, K/32, 16] for 4 bits, [N, K/32, 32] for 8. */
  readonly data: Uint8Array;
  /** [N · K/32]; every one is exact in half precision when it came from blocks. */
  readonly scales: Float32Array;
}

const half = blockElements / 2;

/** Blocks of a weight [rows, columns] to the operator's layout. CongError `BAD_ARGUMENT` when the sizes disagree. */
export function blocksToNBits(type: NBitsType, blocks: Uint8Array, rows: number, columns: number): NBitsWeight {
  const { bytes } = blockCodecOf(type);
  checkSizes("blocksToNBits", rows, columns);
  const count = (rows * columns) / blockElements;
  checkLength("blocksToNBits", { blocks }, count * bytes);
  const scales = readScales(blocks, count, bytes);
  if (type === "q8_0") {
    const data = new Uint8Array(rows * columns);
    for (let block = 0; block < count; block++) {
      const from = block * bytes + 2;
      const to = block * blockElements;
      for (let i = 0; i < blockElements; i++) data[to + i] = blocks[from + i]! ^ 0x80;
    }
    return { bits: 8, rows, columns, data, scales };
  }
  const data = new Uint8Array(count * half);
  for (let block = 0; block < count; block++) {
    const from = block * bytes + 2;
    const to = block * half;
    // Low nibbles hold elements 0 … 15, high nibbles 16 … 31.
    for (let j = 0; j < half; j += 2) {
      const even = blocks[from + j]!;
      const odd = blocks[from + j + 1]!;
      data[to + j / 2] = (even & 15) | ((odd & 15) << 4);
      data[to + half / 2 + j / 2] = (even >>> 4) | (odd & 0xf0);
    }
  }
  return { bits: 4, rows, columns, data, scales };
}

/**
 * The operator's layout back to blocks: q4_0 for 4 bits, q8_0 for 8. Exact for scales that are exact in half precision;
 * another scale is a CongError `BAD_ARGUMENT`, since rounding it would change the model silently.
 */
export function nBitsToBlocks({ bits, rows, columns, data, scales }: NBitsWeight): Uint8Array {
  const { bytes } = blockCodecOf(bits === 4 ? "q4_0" : "q8_0");
  checkSizes("nBitsToBlocks", rows, columns);
  const count = (rows * columns) / blockElements;
  checkLength("nBitsToBlocks", { data }, (count * blockElements * bits) / 8);
  checkLength("nBitsToBlocks", { scales }, count);
  const blocks = new Uint8Array(count * bytes);
  writeScales(scales, blocks, bytes);
  checkExact(scales, readScales(blocks, count, bytes));
  for (let block = 0; block < count; block++) {
    const to = block * bytes + 2;
    if (bits === 8) {
      const from = block * blockElements;
      for (let i = 0; i < blockElements; i++) blocks[to + i] = data[from + i]! ^ 0x80;
      continue;
    }
    const from = block * half;
    for (let j = 0; j < half; j += 2) {
      const low = data[from + j / 2]!;
      const high = data[from + half / 2 + j / 2]!;
      blocks[to + j] = (low & 15) | ((high & 15) << 4);
      blocks[to + j + 1] = (low >>> 4) | (high & 0xf0);
    }
  }
  return blocks;
}

function checkSizes(where: string, rows: number, columns: number): void {
  checkInteger(where, { rows, columns }, { min: 0 });
  checkDivides(where, { blockElements }, { columns });
}

function checkExact(scales: Float32Array, rounded: Float32Array): void {
  const index = scales.findIndex((scale, i) => scale !== rounded[i]);
  if (index < 0) return;
  throw new CongError(
    "BAD_ARGUMENT",
    `nBitsToBlocks: scale ${index} is ${scales[index]}, which half precision cannot hold exactly`,
    { index, scale: scales[index], rounded: rounded[index] },
    "blocks store half-precision scales: round the scales before quantising, or quantise from the float weights",
  );
}
