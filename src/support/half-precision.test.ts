import { describe, expect, it } from "vitest";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./half-precision.ts";

const every16 = Uint16Array.from({ length: 65536 }, (_, i) => i);
const fromBits = (...bits: number[]) => new Float32Array(Uint32Array.from(bits).buffer);
const toBits = (floats: Float32Array) => [...new Uint32Array(floats.buffer, floats.byteOffset, floats.length)];
const half = (x: number) => float32ToFloat16(Float32Array.of(x))[0]!;
const brain = (x: number) => float32ToBfloat16(Float32Array.of(x))[0]!;

// What the standard says, computed with arithmetic on numbers instead of bits.
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

describe("float16", () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [1 / 3, 0x3555],
    [65504, 0x7bff], // largest finite
    [65519.99, 0x7bff],
    [65520, 0x7c00], // halfway to 2^16 rounds up to infinity
    [1e10, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -14, 0x0400], // smallest normal
    [2 ** -14 - 2 ** -26, 0x0400], // a subnormal that rounds up into the normals
    [2 ** -24, 0x0001], // smallest subnormal
    [2 ** -25, 0x0000], // tie, goes to even
    [2 ** -25 + 2 ** -40, 0x0001],
    [3 * 2 ** -25, 0x0002], // tie, goes to even
    [1 + 2 ** -11, 0x3c00], // tie, down to even
    [1 + 3 * 2 ** -11, 0x3c02], // tie, up to even
    [2049, 0x6800],
    [2051, 0x6802],
    [1e-40, 0x0000], // float32 subnormal
  ])("%f rounds to the known bits", (x, bits) => expect(half(x)).toBe(bits));

  it("widens every one of the 65,536 patterns to the value of the standard", () => {
    const widened = float16ToFloat32(every16);
    const wrong = [...every16].filter((bits) => !Object.is(widened[bits], halfValue(bits)));
    expect(wrong).toEqual([]);
  });

  it("comes back unchanged for every pattern; signalling NaNs come back quiet", () => {
    const back = float32ToFloat16(float16ToFloat32(every16));
    const isNaNBits = (bits: number) => (bits & 0x7fff) > 0x7c00;
    const wrong = [...every16].filter((bits) => back[bits] !== (isNaNBits(bits) ? bits | 0x200 : bits));
    expect(wrong).toEqual([]);
  });

  it("rounds to the nearest value: neighbours, midpoints and points beside the midpoints of every positive pair", () => {
    const wrong: number[] = [];
    for (let low = 0; low < 0x7bff; low++) {
      const a = halfValue(low);
      const b = halfValue(low + 1);
      const middle = (a + b) / 2; // exact in float32: a half plus one bit
      const nudge = (b - a) / 1024;
      if (half(middle) !== (low % 2 === 0 ? low : low + 1)) wrong.push(low);
      if (half(middle - nudge) !== low || half(middle + nudge) !== low + 1) wrong.push(low);
    }
    expect(wrong).toEqual([]);
  });

  it("keeps a NaN whose payload sits in the dropped bits", () => {
    expect([...float32ToFloat16(fromBits(0x7f800001, 0xff800001, 0x7fc12345))]).toEqual([0x7e00, 0xfe00, 0x7e09]);
  });
});

describe("bfloat16", () => {
  it.each([
    [1, 0x3f80],
    [-0, 0x8000],
    [Math.PI, 0x4049],
    [1 + 2 ** -8, 0x3f80], // tie, down to even
    [1 + 3 * 2 ** -8, 0x3f82], // tie, up to even
    [1 + 2 ** -8 + 2 ** -20, 0x3f81],
    [3.4028234663852886e38, 0x7f80], // largest float32 rounds to infinity
    [3.3895313892515355e38, 0x7f7f],
    [-Infinity, 0xff80],
    [9.183549615799121e-41, 0x0001], // smallest bfloat16 subnormal
    [4.591774807899561e-41, 0x0000], // tie, goes to even
  ])("%f rounds to the known bits", (x, bits) => expect(brain(x)).toBe(bits));

  it("comes back unchanged for every pattern; signalling NaNs come back quiet", () => {
    const widened = bfloat16ToFloat32(every16);
    expect(toBits(widened)).toEqual([...every16].map((bits) => bits * 65536));
    const back = float32ToBfloat16(widened);
    const wrong = [...every16].filter((b) => back[b] !== ((b & 0x7fff) > 0x7f80 ? b | 0x40 : b));
    expect(wrong).toEqual([]);
  });

  it("keeps a NaN whose payload sits in the dropped bits", () => {
    expect([...float32ToBfloat16(fromBits(0x7f800001, 0xffffffff))]).toEqual([0x7fc0, 0xffff]);
  });
});

it("works on views inside a larger buffer and writes into a given target", () => {
  const source = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
  const target = new Uint16Array(4).subarray(1, 3);
  expect(float32ToFloat16(source, target)).toBe(target);
  expect([...new Uint16Array(target.buffer)]).toEqual([0, 0x3c00, 0x4000, 0]);
});

it("refuses a target of another length", () => {
  expect(() => float32ToBfloat16(new Float32Array(3), new Uint16Array(2))).toThrow(/source has 3 .* target has 2/);
});
