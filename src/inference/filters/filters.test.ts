/** Filters against plain definitions that sort everything, with ties and forbidden tokens. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../support/random.ts";
import { createFilters } from "./chain.ts";
import type { Filter } from "./filter.ts";
import { logitBias } from "./logit-bias.ts";
import { minP } from "./min-p.ts";
import { noRepeatNgram } from "./no-repeat-ngram.ts";
import { occurrencePenalties } from "./occurrence-penalties.ts";
import { repetitionPenalty } from "./repetition-penalty.ts";
import { kthLargest, weightedCrossing } from "./selection.ts";
import { minimumNewTokens, suppressFrom, suppressIds } from "./suppress.ts";
import { temperature } from "./temperature.ts";
import { topK } from "./top-k.ts";
import { topP } from "./top-p.ts";
import { typical } from "./typical.ts";

const random = createRandom(11);
const context = { ids: [], promptLength: 0 };
const apply = (filter: Filter, scores: readonly number[], ids: readonly number[] = [], promptLength = 0): number[] => {
  const row = Float32Array.from(scores);
  filter(row, { ids, promptLength });
  return [...row];
};
const kept = (scores: readonly number[]): number[] => scores.flatMap((score, i) => (score === -Infinity ? [] : [i]));

/** Rows of many kinds: smooth, coarse (many ties), with forbidden tokens, and with one token far ahead. */
function rows(): number[][] {
  return Array.from({ length: 60 }, (_, i) => {
    const size = 1 + random.integer(60);
    const step = i % 3 === 0 ? 1 : 1e-3;
    const row = [...random.normalArray(size, 0, 3)].map((value) => Math.fround(Math.round(value / step) * step + 0));
    if (i % 4 === 1) for (let j = 0; j < size - 1; j += 2) row[j] = -Infinity;
    if (i % 5 === 2) row[random.integer(size)] = 40;
    return row;
  });
}

const probabilities = (scores: readonly number[]): number[] => {
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
};
/** Stable, as torch sorts. */
const order = (keys: readonly number[]): number[] => keys.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);

describe("selection", () => {
  test("kthLargest is what sorting gives", () => {
    for (const row of rows()) {
      const sorted = [...row].sort((a, b) => b - a);
      for (const k of [1, Math.ceil(row.length / 2), row.length])
        expect(kthLargest(Float32Array.from(row), k)).toBe(sorted[k - 1]);
    }
  });

  test("weightedCrossing is what walking the sorted list gives", () => {
    for (const row of rows()) {
      const weights = row.map(() => random.uniform());
      const total = weights.reduce((a, b) => a + b, 0);
      for (const part of [0, 0.3, 0.9, 2]) {
        let below = 0;
        let expected = { key: Math.max(...row), below: 0 };
        for (const key of [...new Set(row)].sort((a, b) => a - b)) {
          const own = weights.reduce((sum, weight, i) => (row[i] === key ? sum + weight : sum), 0);
          expected = { key, below };
          if (below + own > part * total) break;
          below += own;
        }
        const entries = Int32Array.from(row.keys());
        const found = weightedCrossing(Float32Array.from(row), Float64Array.from(weights), entries, part * total);
        expect(found.key).toBe(expected.key);
        expect(found.below).toBeCloseTo(expected.below, 10);
      }
    }
  });
});

describe("filters that cut", () => {
  test.each([1, 3, 1000])("topK %d keeps the k largest and ties", (k) => {
    for (const row of rows()) {
      const limit = [...row].sort((a, b) => b - a)[Math.min(k, row.length) - 1]!;
      expect(apply(topK(k), row)).toEqual(row.map((score) => (score < limit ? -Infinity : score)));
    }
  });

  test.each([0, 0.1, 0.5, 0.8, 0.999, 1])("topP %d cuts the unlikely end", (p) => {
    for (const row of rows()) {
      const chances = probabilities(row);
      let sum = 0;
      let gone = order(row).filter((i) => {
        sum += chances[i]!;
        return sum <= 1 - p;
      });
      if (gone.length === row.length || p === 0) {
        const best = Math.max(...row); // one stays, and what ties with it
        gone = row.flatMap((score, i) => (score < best ? [i] : []));
      }
      const expected = row.map((score, i) => (gone.includes(i) ? -Infinity : score));
      expect(kept(apply(topP(p), row))).toEqual(kept(expected));
    }
  });

  test.each([0, 0.05, 0.5, 1])("minP %d keeps what is likely beside the best", (p) => {
    for (const row of rows()) {
      const chances = probabilities(row);
      const limit = Math.max(...chances) * p * (1 - 1e-12);
      const expected = row.map((score, i) => (chances[i]! < limit ? -Infinity : score));
      expect(kept(apply(minP(p), row))).toEqual(kept(expected));
    }
  });

  test.each([0.2, 0.9, 1])("typical %d keeps what surprises as much as the average", (mass) => {
    for (const row of rows()) {
      const chances = probabilities(row);
      const entropy = chances.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
      const distances = chances.map((p) => Math.abs(-Math.log(p) - entropy));
      const after = kept(apply(typical(mass), row));
      const outside = row.flatMap((_, i) => (after.includes(i) || chances[i] === 0 ? [] : [i]));
      const closest = (ids: number[]) => Math.min(...ids.map((i) => distances[i]!));
      const farthest = Math.max(...after.filter((i) => chances[i]! > 0).map((i) => distances[i]!));
      const sum = (ids: number[]) => ids.reduce((total, i) => total + chances[i]!, 0);
      // What stays is closer than what goes, reaches the mass, and would not without the farthest of it.
      if (outside.length > 0) expect(closest(outside)).toBeGreaterThan(farthest - 1e-9);
      expect(sum(after)).toBeGreaterThanOrEqual(mass - 1e-9);
      if (mass < 1) expect(sum(after.filter((i) => distances[i]! < farthest - 1e-9))).toBeLessThan(mass + 1e-9);
    }
  });

  test("minimumKept leaves more than the mass needs", () => {
    const row = [9, 1, 2, 3, 4];
    for (const filter of [topK(1, { minimumKept: 3 }), topP(0.1, { minimumKept: 3 }), minP(0.9, { minimumKept: 3 })])
      expect(kept(apply(filter, row))).toEqual([0, 3, 4]);
    expect(kept(apply(typical(0.1, { minimumKept: 3 }), row)).length).toBe(3);
  });

  test("a row in which everything is forbidden stays as it is", () => {
    for (const filter of [topK(2), topP(0.5), minP(0.5), typical(0.5)])
      expect(apply(filter, [-Infinity, -Infinity, -Infinity])).toEqual([-Infinity, -Infinity, -Infinity]);
  });
});

describe("penalties and prohibitions", () => {
  test("temperature divides", () => expect(apply(temperature(0.5), [1, -2, -Infinity])).toEqual([2, -4, -Infinity]));
  test("repetition penalty, once for each token", () =>
    expect(apply(repetitionPenalty(2), [4, -4, 4], [0, 1, 0, 1])).toEqual([2, -8, 4]));
  test("no repeated n-gram", () => {
    expect(kept(apply(noRepeatNgram(1), [0, 0, 0, 0], [1, 3]))).toEqual([0, 2]);
    expect(kept(apply(noRepeatNgram(2), [0, 0, 0, 0], [1, 2, 1, 3, 1]))).toEqual([0, 1]);
    expect(kept(apply(noRepeatNgram(3), [0, 0, 0, 0], [1, 1, 1]))).toEqual([0, 2, 3]);
    expect(kept(apply(noRepeatNgram(4), [0, 0, 0, 0], [1, 1]))).toEqual([0, 1, 2, 3]);
  });
  test("presence and frequency count the answer only", () =>
    expect(apply(occurrencePenalties({ presence: 0.5, frequency: 0.25 }), [1, 1, 1], [0, 1, 1, 2, 2], 2)).toEqual([
      1, 0.25, 0,
    ]));
  test("bias and suppression", () => {
    expect(apply(logitBias(new Map([[1, -2]]), 3), [0, 0, 0])).toEqual([0, -2, 0]);
    expect(apply(suppressFrom(2), [0, 0, 0, 0])).toEqual([0, 0, -Infinity, -Infinity]);
    expect(apply(suppressIds([0, 2]), [0, 0, 0])).toEqual([-Infinity, 0, -Infinity]);
    expect(apply(minimumNewTokens(2, [1]), [0, 0], [5, 6, 7], 2)).toEqual([0, -Infinity]);
    expect(apply(minimumNewTokens(2, [1]), [0, 0], [5, 6, 7], 1)).toEqual([0, 0]);
  });
});

describe("the chain", () => {
  const setting = { vocabulary: 6, usedVocabulary: 5, endIds: [0] };
  test("default: only unused ids are forbidden", () => {
    const row = Float32Array.from([1, 2, 3, 4, 5, 6]);
    for (const filter of createFilters({}, setting)) filter(row, context);
    expect([...row]).toEqual([1, 2, 3, 4, 5, -Infinity]);
  });
  test("penalties come before temperature, temperature before the cuts", () => {
    const row = Float32Array.from([1, 2, 3, 4, 4.5, 6]);
    const options = { temperature: 2, topK: 2, repetitionPenalty: 1.5, logitBias: { 0: 3 }, noRepeatNgramSize: 1 };
    for (const filter of createFilters(options, setting)) filter(row, { ids: [3], promptLength: 0 });
    expect([...row]).toEqual([2, -Infinity, -Infinity, -Infinity, 2.25, -Infinity]);
  });
  test.each<[string, () => unknown, RegExp]>([
    [
      "sampling options without sampling",
      () => createFilters({ topP: 0.5 }, setting),
      /topP would do nothing.*\n.*temp/,
    ],
    ["negative temperature", () => createFilters({ temperature: -1 }, setting), /temperature is -1/],
    ["zero temperature as a filter", () => temperature(0), /greedy/],
    ["topP above 1", () => createFilters({ temperature: 1, topP: 1.5 }, setting), /p is 1.5/],
    ["half a token", () => topK(2.5), /k is 2.5/],
    ["minP below 0", () => minP(-0.1), /p is -0.1/],
    ["typical 0", () => typical(0), /mass is 0/],
    ["penalty 0", () => repetitionPenalty(0), /above 0/],
    ["presence 3", () => createFilters({ presencePenalty: 3 }, setting), /presence is 3/],
    ["n-gram −1", () => createFilters({ noRepeatNgramSize: -1 }, setting), /n is -1/],
    ["bias outside", () => createFilters({ logitBias: { 6: 1 } }, setting), /token 6 is outside the vocabulary of 6/],
    ["bias not a number", () => createFilters({ logitBias: { 1: Number.NaN } }, setting), /bias of token 1 is NaN/],
    ["suppressed id outside", () => createFilters({ suppressIds: [7] }, setting), /token 7 is outside/],
  ])("refuses %s", (_, make, message) => expect(make).toThrow(message));
});
