import { describe, expect, test } from "vitest";
import { CongError } from "./errors.ts";
import { createRandom, normal, type RandomState, randomBits, seedKey, threefry2x32, uniform } from "./random.ts";

const key = [0x13198a2e, 0x03707344] as const;

/** The cipher once more, as the paper writes it: a loop over a rotation table with an injection every four rounds. */
function naiveThreefry([k0, k1]: readonly [number, number], [c0, c1]: readonly [number, number]): [number, number] {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const mask = 0xffffffffn;
  const schedule = [BigInt(k0), BigInt(k1), 0x1bd11bdan ^ BigInt(k0) ^ BigInt(k1)];
  let x0 = (BigInt(c0) + schedule[0]!) & mask;
  let x1 = (BigInt(c1) + schedule[1]!) & mask;
  for (let round = 0; round < 20; round++) {
    const by = BigInt(rotations[round % 8]!);
    x0 = (x0 + x1) & mask;
    x1 = (((x1 << by) | (x1 >> (32n - by))) & mask) ^ x0;
    if (round % 4 === 3) {
      const turn = (round + 1) / 4;
      x0 = (x0 + schedule[turn % 3]!) & mask;
      x1 = (x1 + schedule[(turn + 1) % 3]! + BigInt(turn)) & mask;
    }
  }
  return [Number(x0), Number(x1)];
}

describe("threefry2x32", () => {
  test("gives the known answers published with Random123", () => {
    const ones = 0xffffffff;
    expect(threefry2x32([0, 0], [0, 0])).toEqual([0x6b200159, 0x99ba4efe]);
    expect(threefry2x32([ones, ones], [ones, ones])).toEqual([0x1cb996fc, 0xbb002be7]);
    expect(threefry2x32(key, [0x243f6a88, 0x85a308d3])).toEqual([0xc4923a9c, 0x483df7a0]);
  });
});

describe("the layout shared with the engine", () => {
  test.each([1, 2, 7, 10])("randomBits puts x0 of block j at j and x1 at h + j (count %i)", (count) => {
    const stream = 0x9abcdef0;
    const half = Math.ceil(count / 2);
    const expected: number[] = new Array(2 * half);
    for (let j = 0; j < half; j++)
      [expected[j], expected[half + j]] = naiveThreefry(key, [j, stream]) as [number, number];
    expect([...randomBits(key, stream, count)]).toEqual(expected.slice(0, count));
  });

  test("uniform is the upper 24 bits times 2^-24", () => {
    const bits = randomBits(key, 3, 9);
    expect([...uniform(key, 3, 9)]).toEqual(Array.from(bits, (word) => Math.floor(word / 256) / 16777216));
  });

  test.each([1, 6, 7])("normal is Box-Muller on the two words of a block (count %i)", (count) => {
    const half = Math.ceil(count / 2);
    const values = normal(key, 5, count);
    expect(values.length).toBe(count);
    for (let i = 0; i < count; i++) {
      const [x0, x1] = naiveThreefry(key, [i % half, 5]);
      const radius = Math.sqrt(-2 * Math.log(1 - (x0 >>> 8) / 2 ** 24));
      const angle = (2 * Math.PI * (x1 >>> 8)) / 2 ** 24;
      expect(values[i]).toBeCloseTo(radius * (i < half ? Math.cos(angle) : Math.sin(angle)), 5);
    }
  });

  test("normal keeps its bits from version to version", () => {
    // Calculated by a separate program (NumPy, float32 after every step) from the definition; the engine's random op is
    // held to the same words.
    const words = Array.from(new Uint32Array(normal([0, 0], 0, 6).buffer), (word) => word.toString(16));
    expect(words).toEqual(["bf572739", "3c97bb55", "3f7eb085", "bf1d59df", "bf5e7fd4", "bdc45c12"]);
  });

  test("zero numbers are an empty array; a wrong count is refused", () => {
    expect(uniform(key, 0, 0).length).toBe(0);
    expect(normal(key, 0, 0).length).toBe(0);
    expect(() => normal(key, 0, 2.5)).toThrow(/count is 2.5/);
    expect(() => randomBits(key, 0, -1)).toThrow(CongError);
  });
});

describe("seedKey", () => {
  test("splits a seed into its low and high words", () => {
    expect(seedKey(42)).toEqual([42, 0]);
    expect(seedKey(0x1_0000_0005)).toEqual([5, 1]);
    expect(seedKey(0xdeadbeef_12345678n)).toEqual([0x12345678, 0xdeadbeef]);
    expect(seedKey(-1)).toEqual([0xffffffff, 0xffffffff]);
  });

  test("refuses seeds that lose digits", () => {
    expect(() => createRandom(0.5)).toThrow(/whole number/);
    expect(() => createRandom(2 ** 60)).toThrow(/bigint/);
  });
});

describe("distributions", () => {
  // Limits are five standard errors: a sound generator fails such a check less than once in a million seeds.
  test("normalArray has the asked mean, spread, skewness and tails", () => {
    const count = 200_000;
    const values = createRandom(1).normalArray(count, 3, 2);
    const z = Array.from(values, (value) => (value - 3) / 2);
    const moment = (power: number) => z.reduce((sum, value) => sum + value ** power, 0) / count;
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / count));
    const beyondTwo = z.filter((value) => Math.abs(value) > 2).length / count;
    expect(Math.abs(beyondTwo - 0.0455003)).toBeLessThan(5 * Math.sqrt((0.0455 * 0.9545) / count));
  });

  test("uniformArray fills its range evenly", () => {
    const count = 100_000;
    const values = createRandom(2).uniformArray(count, -1, 3);
    const cells = new Array<number>(16).fill(0);
    expect(values.every((value) => value >= -1 && value < 3)).toBe(true);
    for (const value of values) cells[Math.floor((value + 1) * 4)]!++;
    const chiSquare = cells.reduce((sum, seen) => sum + (seen - count / 16) ** 2 / (count / 16), 0);
    expect(chiSquare).toBeLessThan(50); // 15 degrees of freedom: 50 has probability 1e-5
  });

  test("integer is even where a remainder would not be, and spans more than 32 bits", () => {
    const random = createRandom(3);
    const below = 3 * 2 ** 30; // a plain remainder of a 32-bit word would put half of all draws into the first third
    let firstThird = 0;
    for (let i = 0; i < 30_000; i++) if (random.integer(below) < 2 ** 30) firstThird++;
    expect(Math.abs(firstThird / 30_000 - 1 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / 30_000));

    let largest = 0;
    for (let i = 0; i < 200; i++) {
      const value = random.integer(3 * 2 ** 40);
      expect(Number.isInteger(value) && value < 3 * 2 ** 40).toBe(true);
      largest = Math.max(largest, value);
    }
    expect(largest).toBeGreaterThan(2.5 * 2 ** 40);
    expect(random.integer(1)).toBe(0);
    expect(() => random.integer(0)).toThrow(/below is 0/);
  });

  test("uniform uses more than 32 bits", () => {
    const random = createRandom(4);
    const values = Array.from({ length: 1000 }, () => random.uniform());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(values.some((value) => !Number.isInteger(value * 2 ** 32))).toBe(true);
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) / 1000 - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12000));
  });

  test("shuffle reaches all orders of three equally often", () => {
    const random = createRandom(5);
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.shuffle(["a", "b", "c"]).join("");
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(6000 * (5 / 36)));
  });

  test("permutation holds every index once; choice takes only what is there", () => {
    const random = createRandom(6);
    const order = random.permutation(1000);
    expect([...order]).not.toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const chosen = new Set(Array.from({ length: 100 }, () => random.choice(["x", "y"])));
    expect(chosen).toEqual(new Set(["x", "y"]));
    expect(() => random.choice([])).toThrow(/empty/);
  });
});

describe("sequence", () => {
  test("the same seed repeats, another seed does not", () => {
    const draw = (seed: number) => [...createRandom(seed).normalArray(4), createRandom(seed).uniform()];
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  test("two arrays in a row differ", () => {
    const random = createRandom(7);
    expect(random.uniformArray(8)).not.toEqual(random.uniformArray(8));
  });

  test.each([0, 1, 255, 256, 257])("a state saved after %i words as JSON continues exactly", (words) => {
    const random = createRandom(9n << 40n);
    for (let i = 0; i < words; i++) random.integer(2 ** 32);
    random.normalArray(3);
    const saved = JSON.parse(JSON.stringify(random.state())) as RandomState;
    const draw = (from: typeof random) => [from.uniform(), ...from.normalArray(3), from.integer(1000), from.uniform()];
    const expected = draw(random);
    const other = createRandom(0);
    other.uniform();
    other.restore(saved);
    expect(draw(other)).toEqual(expected);
  });

  test("restore refuses what is not a state", () => {
    const random = createRandom(1);
    expect(() => random.restore({ ...random.state(), wordsUsed: 300 })).toThrow(/saved position/);
    expect(() => random.restore(JSON.parse("{}") as RandomState)).toThrow(CongError);
    expect(() => random.restore(JSON.parse("null") as RandomState)).toThrow(CongError);
  });

  test("forks depend on seed and label, not on position, and differ from each other and the parent", () => {
    const parent = createRandom(11);
    const before = parent.fork("weights").uniformArray(4);
    parent.uniform();
    parent.normalArray(10);
    expect(parent.fork("weights").uniformArray(4)).toEqual(before);
    const labels = [
      "weights",
      "weight",
      "",
      "\0",
      "1",
      1,
      "a longer label than one block",
      "a longer label than one blocl",
    ];
    const children = labels.map((label) => createRandom(11).fork(label).uniform());
    expect(new Set([...children, createRandom(11).uniform(), createRandom(12).fork("weights").uniform()]).size).toBe(
      10,
    );
  });
});
