/** The half-precision numbers inside blocks (scale d, minimum m): read and written for many blocks at a time. */
import { float16ToFloat32, float32ToFloat16 } from "../../support/half-precision.ts";

/** Rounds `scales[i]` to half precision and puts it, little-endian, at byte `at` of block i. */
export function writeScales(scales: Float32Array, target: Uint8Array, blockBytes: number, at = 0): void {
  const halves = float32ToFloat16(scales);
  for (let i = 0, position = at; i < halves.length; i++, position += blockBytes) {
    target[position] = halves[i]! & 0xff;
    target[position + 1] = halves[i]! >>> 8;
  }
}

/** The halves at byte `at` of each of `blocks` blocks, as float32 (exact). */
export function readScales(source: Uint8Array, blocks: number, blockBytes: number, at = 0): Float32Array {
  const halves = new Uint16Array(blocks);
  for (let i = 0, position = at; i < blocks; i++, position += blockBytes) {
    halves[i] = source[position]! | (source[position + 1]! << 8);
  }
  return float16ToFloat32(halves);
}
