/**
 * q8_0: 34 bytes for 32 elements. Half-precision scale d, then 32 signed bytes q; the value is q · d.
 * d = max|x| / 127 and q = round(x / d), halves away from zero, as ggml's reference quantiser does it. ggml divides by
 * the float32 d, not by the rounded half that it stores; so do we.
 */
import { blockCodec, blockElements } from "./codec.ts";
import { readScales, writeScales } from "./scales.ts";

const bytes = 34;

export const q8_0 = blockCodec("q8_0", {
  elements: blockElements,
  bytes,
  encode(values, target, blocks) {
    const scales = new Float32Array(blocks);
    for (let block = 0; block < blocks; block++) {
      const start = block * blockElements;
      let largest = 0;
      for (let i = start; i < start + blockElements; i++) {
        const magnitude = Math.abs(values[i]!);
        if (magnitude > largest) largest = magnitude;
      }
      const scale = Math.fround(largest / 127);
      scales[block] = scale;
      const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
      const offset = block * bytes + 2 - start;
      for (let i = start; i < start + blockElements; i++) {
        const scaled = Math.fround(values[i]! * inverse);
        // Truncation after adding a half of the sign: C's roundf for |scaled| < 2^22. The sum is exact in a double.
        target[offset + i] = scaled < 0 ? scaled - 0.5 : scaled + 0.5;
      }
    }
    writeScales(scales, target, bytes);
  },
  decode(source, target, blocks) {
    const scales = readScales(source, blocks, bytes);
    for (let block = 0; block < blocks; block++) {
      const scale = scales[block]!;
      const start = block * blockElements;
      const offset = block * bytes + 2 - start;
      for (let i = start; i < start + blockElements; i++) target[i] = ((source[offset + i]! << 24) >> 24) * scale;
    }
  },
});
