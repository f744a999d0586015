/** The baseline against values worked out by hand, and against what every probability model must do: sum to one. */
import { expect, test } from "vitest";
import { nGramLoss, trainNGram } from "./n-gram.ts";

/** Two sequences over the tokens 2 and 3, between boundaries 0: 0 2 3 0 and 0 2 2 0. V = 4. */
const sequences = [
  [2, 3],
  [2, 2],
];

test("single tokens: discounted counts over the uniform distribution", () => {
  // Counts 2: 3, 3: 1, boundary: 2. One kind seen once, one seen twice: D = 1 / (1 + 2·1) = 1/3.
  // p(2) = (3 − 1/3)/6 + (1/3 · 3/6)·1/4, p(1) = (1/3 · 3/6)·1/4.
  const model = trainNGram(sequences, 1, 4);
  expect(model([], 2)).toBeCloseTo((3 - 1 / 3) / 6 + 1 / 24, 12);
  expect(model([], 1)).toBeCloseTo(1 / 24, 12);
});

test("pairs: after a history it falls back on how many different tokens come before a token", () => {
  // Pairs: "0 2" twice; "2 3", "3 0", "2 2", "2 0" once. D = 4 / (4 + 2·1) = 2/3. Below: 2 comes after {0, 2}, 3 after {2},
  // 0 after {3, 2}: counts 2, 1, 2 of 5, one once and two twice: D₁ = 1 / (1 + 2·2) = 1/5.
  const lower = (count: number) => Math.max(count - 1 / 5, 0) / 5 + ((1 / 5) * 3) / 5 / 4;
  const model = trainNGram(sequences, 2, 4);
  expect(model([2], 3)).toBeCloseTo((1 - 2 / 3) / 3 + (((2 / 3) * 3) / 3) * lower(1), 12);
  expect(model([0], 2)).toBeCloseTo((2 - 2 / 3) / 2 + (((2 / 3) * 1) / 2) * lower(2), 12);
  // Nothing was ever seen after token 1.
  expect(model([1], 2)).toBeCloseTo(lower(2), 12);
});

test.each([1, 2, 3])("order %i sums to one after any history", (order) => {
  const model = trainNGram([...sequences, [3, 3, 2, 2, 3]], order, 4);
  for (const history of [
    [0, 0],
    [0, 2],
    [2, 3],
    [3, 1],
    [1, 1],
  ]) {
    const total = [0, 1, 2, 3].reduce((sum, token) => sum + model(history, token), 0);
    expect(total).toBeCloseTo(1, 12);
  }
});

test("the loss is the mean surprise of every token and the boundary after it", () => {
  const model = trainNGram(sequences, 3, 4);
  const p = [model([0, 0], 3), model([0, 3], 2), model([3, 2], 0)];
  const wanted = -p.reduce((sum, value) => sum + Math.log(value), 0) / 3;
  expect(nGramLoss(model, [[3, 2]], 3)).toBeCloseTo(wanted, 12);
});
