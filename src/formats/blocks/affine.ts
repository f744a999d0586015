/**
 * q4_1 and q5_1: half-precision scale d and minimum m, and 32 unsigned numbers q of 4 or 5 bits; the value is q · d + m.
 * d = (max − min) / top, q = min(top, trunc((x − min) / d + 0.5)), in float32, as ggml's reference quantiser does it.
 * Nibbles and fifth bits lie as in the symmetric types.
 */
import { type BlockCodec, blockCodec, blockElements } from "./codec.ts";
import { readScales, writeScales } from "./scales.ts";
import { readWord, writeWord } from "./symmetric.ts";

const half = blockElements / 2;

export const q4_1 = affineCodec("q4_1", 4);
export const q5_1 = affineCodec("q5_1", 5);

function affineCodec(name: string, bits: 4 | 5): BlockCodec {
  const top = (1 << bits) - 1;
  const nibbles = bits === 4 ? 4 : 8; // after scale, minimum and, for five bits, the word of high bits
  const bytes = nibbles + half;
  return blockCodec(name, {
    elements: blockElements,
    bytes,
    encode(values, target, blocks) {
      const scales = new Float32Array(blocks);
      const minima = new Float32Array(blocks);
      for (let block = 0; block < blocks; block++) {
        const start = block * blockElements;
        let smallest = values[start]!;
        let largest = values[start]!;
        for (let i = start + 1; i < start + blockElements; i++) {
          const value = values[i]!;
          if (value < smallest) smallest = value;
          if (value > largest) largest = value;
        }
        const scale = Math.fround(Math.fround(largest - smallest) / top);
        scales[block] = scale;
        minima[block] = smallest;
        const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
        const quantise = (value: number): number => {
          const q = Math.fround(Math.fround(Math.fround(value - smallest) * inverse) + 0.5) | 0;
          return q > top ? top : q;
        };
        const base = block * bytes;
        let highBits = 0;
        for (let j = 0; j < half; j++) {
          const low = quantise(values[start + j]!);
          const high = quantise(values[start + j + half]!);
          target[base + nibbles + j] = (low & 15) | ((high & 15) << 4);
          highBits |= ((low >>> 4) << j) | ((high >>> 4) << (j + half));
        }
        if (bits === 5) writeWord(target, base + 4, highBits);
      }
      writeScales(scales, target, bytes);
      writeScales(minima, target, bytes, 2);
    },
    decode(source, target, blocks) {
      const scales = readScales(source, blocks, bytes);
      const minima = readScales(source, blocks, bytes, 2);
      for (let block = 0; block < blocks; block++) {
        const scale = scales[block]!;
        const minimum = minima[block]!;
        const start = block * blockElements;
        const base = block * bytes;
        const highBits = bits === 5 ? readWord(source, base + 4) : 0;
        for (let j = 0; j < half; j++) {
          const pair = source[base + nibbles + j]!;
          const low = (pair & 15) | (((highBits >>> j) & 1) << 4);
          const high = (pair >>> 4) | (((highBits >>> (j + half)) & 1) << 4);
          target[start + j] = Math.fround(low * scale) + minimum;
          target[start + j + half] = Math.fround(high * scale) + minimum;
        }
      }
    },
  });
}
