/** Sizes are polynomials: equal sizes must be `===`, whatever way they were computed. */
import { describe, expect, test } from "vitest";
import {
  addDims,
  bindDim,
  dimNames,
  dimTerms,
  divideDims,
  evaluateDim,
  evaluateShape,
  isName,
  multiplyDims,
  productOfDims,
  subtractDims,
} from "./dims.ts";

const sum = addDims("past", "length");

describe("one form for equal sizes", () => {
  test.each([
    ["a+b = b+a", addDims("a", "b"), addDims("b", "a")],
    ["a·b = b·a", multiplyDims("a", "b"), multiplyDims("b", "a")],
    ["2·a = a+a", multiplyDims(2, "a"), addDims("a", "a")],
    [
      "(a+b)² = a²+2ab+b²",
      multiplyDims(addDims("a", "b"), addDims("a", "b")),
      addDims(addDims(multiplyDims("a", "a"), multiplyDims(2, multiplyDims("a", "b"))), multiplyDims("b", "b")),
    ],
    ["(a+1)(a−1) = a²−1", multiplyDims(addDims("a", 1), subtractDims("a", 1)), subtractDims(multiplyDims("a", "a"), 1)],
    ["a+b−b = a", subtractDims(addDims("a", "b"), "b"), "a"],
    ["a·0 = 0", multiplyDims("a", 0), 0],
    ["a−a = 0", subtractDims("a", "a"), 0],
    ["a−a+3 = 3", addDims(subtractDims("a", "a"), 3), 3],
    ["Π of nothing = 1", productOfDims([]), 1],
    ["2·a·3 = 6a", productOfDims([2, "a", 3]), multiplyDims(6, "a")],
  ])("%s", (_, left, right) => expect(left).toBe(right));

  test("different sizes differ", () => {
    expect(addDims("a", "b")).not.toBe(multiplyDims("a", "b"));
    expect(multiplyDims("a", "a")).not.toBe(multiplyDims(2, "a"));
  });
});

test("divides where it goes in", () => {
  expect(divideDims(12, 4)).toBe(3);
  expect(divideDims(12, 5)).toBeUndefined();
  expect(divideDims(12, 0)).toBeUndefined();
  expect(divideDims(productOfDims([6, "a", "b"]), multiplyDims(2, "b"))).toBe(multiplyDims(3, "a"));
  expect(divideDims(multiplyDims(4, sum), 2)).toBe(multiplyDims(2, sum));
  expect(divideDims(multiplyDims(3, "a"), 2)).toBeUndefined();
  expect(divideDims("a", "b")).toBeUndefined();
  expect(divideDims(addDims("a", 2), "a")).toBeUndefined();
  expect(divideDims(sum, sum)).toBe(1);
  expect(divideDims(multiplyDims("a", "a"), "a")).toBe("a");
});

test("knows its names and terms", () => {
  expect(isName("batch_2")).toBe(true);
  expect(isName(sum)).toBe(false);
  expect(isName(3)).toBe(false);
  expect(dimNames(3)).toEqual([]);
  expect(dimNames(addDims(multiplyDims("a", "b"), addDims("a", 1))).sort()).toEqual(["a", "b"]);
  expect(dimTerms(addDims(multiplyDims(2, "a"), 3))).toEqual(
    expect.arrayContaining([
      { factor: 2, names: ["a"] },
      { factor: 3, names: [] },
    ]),
  );
});

test("binds names, all or some", () => {
  expect(bindDim(sum, { past: 3 })).toBe(addDims(3, "length"));
  expect(bindDim(sum, { past: 3, length: 4 })).toBe(7);
  expect(bindDim(multiplyDims("a", "a"), { a: 5 })).toBe(25);
  expect(bindDim(multiplyDims("a", "b"), { a: 0 })).toBe(0);
  expect(evaluateShape(["a", 2, multiplyDims("a", -1)], { a: 4 })).toEqual([4, 2, -4]);
});

test("errors name the size and what to do", () => {
  expect(() => evaluateDim(sum, { past: 1 })).toThrow(/length.*not bound\n {2}hint: bind it/s);
  expect(() => addDims("past + length", 1)).toThrow(/"past \+ length" is not a dimension name\n {2}hint: .*addDims/);
});
