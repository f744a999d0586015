/** Labels, probabilities, likelihoods and significance: hand calculations and known edge cases. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../support/random.ts";
import {
  accuracy,
  bitsPerByte,
  bitsPerCharacter,
  bootstrapInterval,
  bootstrapMean,
  brierScore,
  calibration,
  cohenKappa,
  confusionMatrix,
  logLoss,
  matthewsCorrelation,
  meanOf,
  pairedBootstrap,
  pairedRandomization,
  perplexity,
  precisionRecallF1,
  rocAuc,
  rocAucOneVersusRest,
  wilsonInterval,
} from "./index.ts";

describe("labels", () => {
  const truth = ["a", "a", "b", "b", "b", "c"];
  const guess = ["a", "b", "b", "b", "a", "a"];
  test("accuracy and confusion", () => {
    expect(accuracy(truth, guess)).toBe(0.5);
    expect(confusionMatrix(truth, guess)).toEqual({
      labels: ["a", "b", "c"],
      counts: [
        [1, 1, 0],
        [1, 2, 0],
        [1, 0, 0],
      ],
    });
    expect(confusionMatrix([10, 9], [9, 9]).labels).toEqual([9, 10]);
    expect(() => confusionMatrix(truth, guess, ["a", "b"])).toThrow('the label "c" is not among');
  });
  test("precision, recall, F1", () => {
    const { perClass, micro, macro, weighted } = precisionRecallF1(truth, guess);
    expect(perClass[0]).toEqual({ label: "a", support: 2, precision: 1 / 3, recall: 1 / 2, f1: 0.4 });
    expect(perClass[2]).toEqual({ label: "c", support: 1, precision: 0, recall: 0, f1: 0 });
    expect(micro).toEqual({ precision: 0.5, recall: 0.5, f1: 0.5 });
    expect(macro.f1).toBeCloseTo((0.4 + 2 / 3) / 3, 12);
    expect(weighted.f1).toBeCloseTo((2 * 0.4 + 3 * (2 / 3)) / 6, 12);
  });
  test("Matthews and kappa", () => {
    expect(matthewsCorrelation([1, 1, 0, 0], [1, 0, 0, 0])).toBeCloseTo(2 / Math.sqrt(1 * 2 * 2 * 3), 12);
    expect(matthewsCorrelation([1, 0], [1, 1])).toBe(0);
    expect(cohenKappa([1, 1, 0, 0], [1, 0, 0, 0])).toBeCloseTo(0.5, 12);
    expect(cohenKappa(["x", "x"], ["x", "x"])).toBe(1);
  });
});

describe("probabilities", () => {
  test("log loss and Brier score", () => {
    expect(
      logLoss(
        [0, 1],
        [
          [0.5, 0.5],
          [0.2, 0.8],
        ],
      ),
    ).toBeCloseTo(-(Math.log(0.5) + Math.log(0.8)) / 2, 12);
    expect(logLoss([1], [[1, 0]])).toBeCloseTo(52 * Math.LN2, 9);
    expect(brierScore([1], [[0.3, 0.7]])).toBeCloseTo(0.18, 12);
    expect(() => logLoss([0], [[0.5, 0.6]])).toThrow("row 0 has 2 values with sum 1.1");
    expect(() => logLoss([2], [[0.5, 0.5]])).toThrow("its label is 2");
  });
  test("area under the curve, ties counting half", () => {
    expect(rocAuc([true, false, true, false], [0.9, 0.1, 0.4, 0.6])).toBe(0.75);
    expect(rocAuc([true, false, true, false], [1, 1, 1, 1])).toBe(0.5);
    expect(
      rocAucOneVersusRest(
        [0, 1],
        [
          [0.9, 0.1],
          [0.2, 0.8],
        ],
      ),
    ).toBe(1);
    expect(() => rocAuc([true], [1])).toThrow("1 positive and 0 negative");
    expect(() => rocAuc([true, false], [Number.NaN, 1])).toThrow("NaN");
  });
  test("calibration error", () => {
    const got = calibration([0.95, 0.95, 0.55, 0.5, 0], [true, false, true, true, false], 10);
    // Bins: (0.9, 1] 0.5 against 0.95; (0.5, 0.6] 1 against 0.55; (0.4, 0.5] 1 against 0.5; [0, 0.1] 0 against 0.
    expect(got.expectedError).toBeCloseTo((2 * 0.45 + 0.45 + 0.5 + 0) / 5, 12);
    expect(got.maximumError).toBeCloseTo(0.5, 12);
    expect(got.bins.map((bin) => bin.count)).toEqual([1, 0, 0, 0, 1, 1, 0, 0, 0, 2]);
    expect(() => calibration([1.2], [true])).toThrow("1.2");
  });
});

test("likelihoods", () => {
  expect(perplexity(10 * Math.log(7), 10)).toBeCloseTo(7, 12);
  expect(bitsPerByte(12 * Math.LN2, "北京")).toBeCloseTo(2, 12);
  expect(bitsPerByte(12 * Math.LN2, { bytes: 3 })).toBeCloseTo(4, 12);
  expect(bitsPerCharacter(12 * Math.LN2, "北𠀀")).toBeCloseTo(6, 12);
  expect(() => perplexity(1, 0)).toThrow("over 0 tokens");
});

describe("significance", () => {
  const random = createRandom(11);
  const values = Array.from({ length: 200 }, () => random.uniform());
  test("the interval of a mean is as wide as theory says, and follows from the seed", () => {
    const got = bootstrapMean(values, { seed: 3, resamples: 1000 });
    const mean = values.reduce((a, b) => a + b, 0) / 200;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 200);
    const expected = (1.96 * deviation) / Math.sqrt(200);
    expect(got.value).toBeCloseTo(mean, 12);
    expect(Math.abs(got.high - mean - expected)).toBeLessThan(0.1 * expected);
    expect(Math.abs(mean - got.low - expected)).toBeLessThan(0.1 * expected);
    expect(Math.abs(got.standardError - expected / 1.96)).toBeLessThan((0.1 * expected) / 1.96);
    expect(bootstrapMean(values, { seed: 3, resamples: 1000 })).toEqual(got);
    expect(bootstrapMean(values, { seed: 4, resamples: 1000 }).low).not.toBe(got.low);
    expect(got.signature).toBe("bs:1000|seed:3|level:0.95");
  });
  test("95 % intervals hold the true mean about as often", () => {
    let hits = 0;
    for (let round = 0; round < 100; round++) {
      const few = Array.from({ length: 40 }, () => random.uniform());
      const { low, high } = bootstrapMean(few, { seed: round, resamples: 200 });
      if (low <= 0.5 && high >= 0.5) hits++;
    }
    expect(hits).toBeGreaterThan(85);
    expect(hits).toBeLessThan(100);
  });
  test("a share has an interval where every example is alike, by Wilson's formula", () => {
    // With p = 0 the formula is z² / (n + z²): 3.8416 / 103.8416.
    expect(wilsonInterval(0, 100)).toMatchObject({ value: 0, low: 0, high: expect.closeTo(0.0369948, 7) });
    expect(wilsonInterval(100, 100)).toMatchObject({ value: 1, low: expect.closeTo(0.9630052, 7), high: 1 });
    // By hand: (0.3 + 0.19208) / 1.38416 ± 1.96 · √(0.021 + 0.009604) / 1.38416.
    const { low, high, signature } = wilsonInterval(3, 10);
    expect([low, high]).toEqual([expect.closeTo(0.1077893, 6), expect.closeTo(0.6032268, 6)]);
    expect(signature).toBe("wilson|z:1.96");
    expect(() => wilsonInterval(2, 1)).toThrow("hits");
  });
  test("any statistic can be resampled", () => {
    const largest = bootstrapInterval(3, (picked) => Math.max(...picked), { resamples: 50 });
    expect(largest.value).toBe(2);
    expect(largest.high).toBe(2);
  });
  test("paired tests tell better from equal", () => {
    const better = values.map((value) => value + 0.05 + 0.1 * (random.uniform() - 0.5));
    const equal = values.map((value) => value + 0.1 * (random.uniform() - 0.5));
    const swap = (a: readonly number[], b: readonly number[]) => (systems: readonly (0 | 1)[]) =>
      systems.reduce<number>((sum, system, i) => sum + (system === 0 ? a : b)[i]!, 0) / a.length;
    const clear = pairedBootstrap(200, meanOf(better), meanOf(values), { resamples: 500 });
    expect(clear.difference).toBeCloseTo(0.05, 2);
    expect(clear.pValue).toBe(1 / 501);
    expect(pairedBootstrap(200, meanOf(equal), meanOf(values), { resamples: 500 }).pValue).toBeGreaterThan(0.05);
    expect(pairedRandomization(200, swap(better, values), { resamples: 500 }).pValue).toBe(1 / 501);
    expect(pairedRandomization(200, swap(equal, values), { resamples: 500 }).pValue).toBeGreaterThan(0.05);
    expect(pairedRandomization(200, swap(values, values), { resamples: 50 })).toMatchObject({
      difference: 0,
      pValue: 1,
    });
  });
  test("a statistic that has not all examples is refused, not found significant", () => {
    const [three, five] = [meanOf([1, 0, 1]), meanOf([0, 0, 0, 0, 0])];
    expect(() => pairedBootstrap(5, three, five)).toThrow("the statistic of all 5 examples is NaN");
    expect(() => bootstrapInterval(5, three)).toThrow("numbered from 0 to 4");
  });
  test("p-values of equal systems are spread evenly", () => {
    let small = 0;
    for (let round = 0; round < 100; round++) {
      const differences = Array.from({ length: 30 }, () => random.uniform() - 0.5);
      const statistic = (systems: readonly (0 | 1)[]) =>
        systems.reduce<number>((sum, system, i) => sum + (system === 0 ? differences[i]! : 0), 0);
      if (pairedRandomization(30, statistic, { resamples: 100, seed: round }).pValue <= 0.1) small++;
    }
    expect(small).toBeGreaterThan(2);
    expect(small).toBeLessThan(22);
  });
});
