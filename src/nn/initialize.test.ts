import { expect, test } from "vitest";
import { toNumbers } from "../engine/index.ts";
import { createRandom } from "../support/random.ts";
import {
  constantInitializer,
  fans,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normal,
  ones,
  orthogonal,
  truncatedNormal,
  uniform,
  xavierNormal,
  xavierUniform,
  zeros,
} from "./initialize.ts";

const shape = [200, 300];

function statistics(initializer: Initializer) {
  const values = toNumbers(initializer(shape, createRandom(3)));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance), low: Math.min(...values), high: Math.max(...values) };
}

// 60,000 values: the deviation of the estimated std is about std / √120,000 = 0.3 %; the bounds below allow five times that.
test.each<[string, Initializer, number]>([
  ["normal", normal({ std: 0.02 }), 0.02],
  ["xavierNormal", xavierNormal(2), 2 * Math.sqrt(2 / 500)],
  ["kaimingNormal", kaimingNormal(), Math.sqrt(2 / 300)],
  ["kaimingNormal out", kaimingNormal({ mode: "out", gain: 1 }), Math.sqrt(1 / 200)],
  // Variance of a standard normal cut at ±2 is 1 − 4φ(2)/(2Φ(2) − 1) = 0.773741.
  ["truncatedNormal", truncatedNormal({ std: 3 }), 3 * Math.sqrt(0.773741)],
])("%s has the right mean and deviation", (_, initializer, std) => {
  const found = statistics(initializer);
  expect(Math.abs(found.mean)).toBeLessThan((5 * std) / Math.sqrt(60_000));
  expect(Math.abs(found.std / std - 1)).toBeLessThan(0.015);
});

test.each<[string, Initializer, number]>([
  ["uniform", uniform({ low: -0.3, high: 0.3 }), 0.3],
  ["xavierUniform", xavierUniform(), Math.sqrt(6 / 500)],
  ["kaimingUniform", kaimingUniform(), Math.sqrt(2) * Math.sqrt(3 / 300)],
  ["kaimingUniform, PyTorch's gain for linear layers", kaimingUniform({ gain: Math.sqrt(1 / 3) }), 1 / Math.sqrt(300)],
])("%s fills its interval", (_, initializer, bound) => {
  const { low, high, std } = statistics(initializer);
  expect(low).toBeGreaterThanOrEqual(-bound * 1.000001);
  expect(high).toBeLessThanOrEqual(bound * 1.000001);
  expect(Math.min(-low, high)).toBeGreaterThan(0.999 * bound);
  expect(Math.abs((std * Math.sqrt(3)) / bound - 1)).toBeLessThan(0.015);
});

test("truncatedNormal stays within its cutoff around the mean", () => {
  const { low, high } = statistics(truncatedNormal({ mean: 1, std: 2, cutoff: 1.5 }));
  expect(low).toBeGreaterThanOrEqual(-2);
  expect(high).toBeLessThanOrEqual(4);
  expect(high).toBeGreaterThan(3.9);
});

test.each([
  [6, 4],
  [4, 6],
  [5, 5],
])("orthogonal %i×%i: the shorter side's vectors are orthogonal and gain long", (rows, columns) => {
  const w = toNumbers(orthogonal(3)([rows, columns], createRandom(5)));
  const count = Math.min(rows, columns);
  const vector = (i: number) =>
    Array.from({ length: Math.max(rows, columns) }, (_, k) => w[rows <= columns ? i * columns + k : k * columns + i]!);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      const product = vector(i).reduce((total, value, k) => total + value * vector(j)[k]!, 0);
      expect(product).toBeCloseTo(i === j ? 9 : 0, 5);
    }
  }
});

test("constants, and fans of a convolution's weight", () => {
  const random = createRandom(0);
  expect(toNumbers(zeros([2], random))).toEqual([0, 0]);
  expect(toNumbers(ones([2], random))).toEqual([1, 1]);
  expect(toNumbers(constantInitializer(0.5)([1, 2], random))).toEqual([0.5, 0.5]);
  expect(fans([8, 3, 5, 5])).toEqual({ fanIn: 75, fanOut: 200 });
});

test("the same seed gives the same values, the next draw others", () => {
  const random = createRandom(11);
  const first = toNumbers(normal()([4], random));
  expect(toNumbers(normal()([4], createRandom(11)))).toEqual(first);
  expect(toNumbers(normal()([4], random))).not.toEqual(first);
});

test("a vector has no fans", () => {
  expect(() => xavierUniform()([4], createRandom(0))).toThrow("shape [4] has no inputs and outputs");
});
