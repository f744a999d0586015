/**
 * q4_0 and q5_0: a half-precision scale d and 32 unsigned numbers q of 4 or 5 bits; the value is (q − zero) · d.
 *
 * The scale comes from the element of largest magnitude *with its sign*: d = x / −zero, so that this element gets q = 0
 * and the range reaches one step further on its side. q = min(top, trunc(x / d + zero + 0.5)), all in float32, as ggml's
 * reference quantiser does it. Byte j of the numbers holds element j in its low and j + 16 in its high nibble; the fifth
 * bits are a little-endian word in front of them, bit j for element j.
 */
import { type BlockCodec, blockCodec, blockElements } from "./codec.ts";
import { readScales, writeScales } from "./scales.ts";

const half = blockElements / 2;

export const q4_0 = symmetricCodec("q4_0", 4);
export const q5_0 = symmetricCodec("q5_0", 5);

function symmetricCodec(name: string, bits: 4 | 5): BlockCodec {
  const zero = 1 << (bits - 1);
  const top = (1 << bits) - 1;
  const nibbles = bits === 4 ? 2 : 6; // where they start: after the scale and, for five bits, the word of high bits
  const bytes = nibbles + half;
  return blockCodec(name, {
    elements: blockElements,
    bytes,
    encode(values, target, blocks) {
      const scales = new Float32Array(blocks);
      for (let block = 0; block < blocks; block++) {
        const start = block * blockElements;
        const scale = Math.fround(extreme(values, start) / -zero);
        scales[block] = scale;
        const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
        const base = block * bytes;
        let highBits = 0;
        for (let j = 0; j < half; j++) {
          // Adding to the double product of two floats would round once where float32 rounds twice.
          const x0 = Math.fround(Math.fround(values[start + j]! * inverse) + zero + 0.5) | 0;
          const x1 = Math.fround(Math.fround(values[start + j + half]! * inverse) + zero + 0.5) | 0;
          const low = x0 > top ? top : x0;
          const high = x1 > top ? top : x1;
          target[base + nibbles + j] = (low & 15) | ((high & 15) << 4);
          highBits |= ((low >>> 4) << j) | ((high >>> 4) << (j + half));
        }
        if (bits === 5) writeWord(target, base + 2, highBits);
      }
      writeScales(scales, target, bytes);
    },
    decode(source, target, blocks) {
      const scales = readScales(source, blocks, bytes);
      for (let block = 0; block < blocks; block++) {
        const scale = scales[block]!;
        const start = block * blockElements;
        const base = block * bytes;
        const highBits = bits === 5 ? readWord(source, base + 2) : 0;
        for (let j = 0; j < half; j++) {
          const pair = source[base + nibbles + j]!;
          target[start + j] = (((pair & 15) | (((highBits >>> j) & 1) << 4)) - zero) * scale;
          target[start + j + half] = (((pair >>> 4) | (((highBits >>> (j + half)) & 1) << 4)) - zero) * scale;
        }
      }
    },
  });
}

/** The first element of largest magnitude in a block, with its sign. */
function extreme(values: Float32Array, start: number): number {
  let largest = 0;
  let signed = 0;
  for (let i = start; i < start + blockElements; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > largest) {
      largest = magnitude;
      signed = values[i]!;
    }
  }
  return signed;
}

export function writeWord(target: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < 4; i++) target[at + i] = word >>> (8 * i);
}

export function readWord(source: Uint8Array, at: number): number {
  return source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16) | (source[at + 3]! << 24);
}
