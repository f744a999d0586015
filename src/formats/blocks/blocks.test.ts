import { describe, expect, it } from "vitest";
import { normal, seedKey } from "../../support/random.ts";
import { blockCodecOf, blocksToNBits, blockTypes, nBitsToBlocks } from "./index.ts";
import { referenceBlocks, referenceWeights } from "./reference-block.fixture.ts";

const quantised = Object.keys(referenceBlocks) as (keyof typeof referenceBlocks)[];

/** Half of the largest step between neighbouring values, from the definition of each type, in units of max|x|. */
const worstError = { q8_0: 0.5 / 127, q4_0: 1 / 8, q4_1: 1 / 15, q5_0: 1 / 16, q5_1: 1 / 31 };

function normalValues(count: number): Float32Array {
  return normal(seedKey(5), 0, count);
}

describe("block codecs", () => {
  it.each(quantised)("%s writes the bytes of chatglm.cpp", (type) => {
    expect([...blockCodecOf(type).encode(referenceWeights)]).toEqual(referenceBlocks[type]);
  });

  it.each(quantised)("%s reads back within its step, and re-encodes to the same bytes", (type) => {
    const codec = blockCodecOf(type);
    const values = normalValues(32 * 200);
    const bytes = codec.encode(values);
    const decoded = codec.decode(bytes);
    let worst = 0;
    for (let start = 0; start < values.length; start += 32) {
      const block = values.subarray(start, start + 32);
      const largest = Math.max(...block.map(Math.abs));
      block.forEach((value, i) => {
        worst = Math.max(worst, Math.abs(decoded[start + i]! - value) / largest);
      });
    }
    // The half-precision scale adds up to 2^-11 of the value.
    expect(worst).toBeLessThanOrEqual(worstError[type] + 2 ** -10);
    expect(worst).toBeGreaterThan(worstError[type] / 3);
  });

  it.each(quantised)("%s: a block of zeros is zeros, signs are kept, both ends of the range are used", (type) => {
    const codec = blockCodecOf(type);
    expect([...codec.decode(codec.encode(new Float32Array(32)))].every((value) => value === 0)).toBe(true);
    const ramp = Float32Array.from({ length: 32 }, (_, i) => i - 16);
    const back = codec.decode(codec.encode(ramp));
    expect(back[0]).toBeCloseTo(-16, 1);
    expect(Math.abs(back[31]! - 15)).toBeLessThan(1.1);
  });

  it("plain types are exact for values they hold", () => {
    const values = Float32Array.of(1, -0.5, 0, 3.140625, -65504);
    for (const type of ["f32", "f16"] as const) {
      expect([...blockCodecOf(type).decode(blockCodecOf(type).encode(values))]).toEqual([...values]);
    }
    expect([...blockCodecOf("bf16").encode(Float32Array.of(1, -2))]).toEqual([0x80, 0x3f, 0x00, 0xc0]);
  });

  it("decodes from an odd address", () => {
    for (const type of blockTypes) {
      const codec = blockCodecOf(type);
      const bytes = codec.encode(normalValues(64));
      const odd = new Uint8Array(bytes.length + 1).subarray(1);
      odd.set(bytes);
      expect(codec.decode(odd)).toEqual(codec.decode(bytes));
    }
  });

  it("refuses lengths that are not whole blocks", () => {
    expect(() => blockCodecOf("q4_0").encode(new Float32Array(33))).toThrow(/values \(33\) must be a multiple of/);
    expect(() => blockCodecOf("q8_0").decode(new Uint8Array(35))).toThrow(/bytes \(35\) must be a multiple of/);
    expect(() => blockCodecOf("q8_0").encode(new Float32Array(32), new Uint8Array(3))).toThrow(/target has 3/);
    expect(() => blockCodecOf("q9" as "q8_0")).toThrow(/unknown weight type "q9"/);
  });
});

describe("MatMulNBits layout", () => {
  it.each(["q4_0", "q8_0"] as const)(
    "%s keeps the weights: (q - zero point) * scale by the operator's own rule",
    (type) => {
      const [rows, columns] = [3, 96];
      const codec = blockCodecOf(type);
      const blocks = codec.encode(normalValues(rows * columns));
      const weight = blocksToNBits(type, blocks, rows, columns);
      const values = Float32Array.from({ length: rows * columns }, (_, i) => {
        const q = weight.bits === 8 ? weight.data[i]! : (weight.data[i >> 1]! >>> (4 * (i & 1))) & 15;
        return (q - (weight.bits === 8 ? 128 : 8)) * weight.scales[Math.floor(i / 32)]!;
      });
      expect(values).toEqual(codec.decode(blocks));
      expect(nBitsToBlocks(weight)).toEqual(blocks);
    },
  );

  it("refuses sizes that disagree and scales that halves cannot hold", () => {
    expect(() => blocksToNBits("q4_0", new Uint8Array(18), 2, 32)).toThrow(/blocks has 18 elements, wanted 36/);
    expect(() => blocksToNBits("q4_0", new Uint8Array(18), 1, 33)).toThrow(/multiple of blockElements/);
    const weight = { bits: 8 as const, rows: 1, columns: 32, data: new Uint8Array(32), scales: Float32Array.of(0.1) };
    expect(() => nBitsToBlocks(weight)).toThrow(/scale 0 is 0\.1/);
  });
});
