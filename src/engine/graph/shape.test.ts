/** Shape arithmetic on numbers and names. */
import { expect, test } from "vitest";
import { addDims, multiplyDims } from "./dims.ts";
import { broadcastShapes, normalizeAxis, resolveReshape, sameShape, showShape, stridesOf } from "./shape.ts";

const sum = addDims("past", "length");

test("broadcasts from the right", () => {
  expect(broadcastShapes("add", [[2, 3], [3]])).toEqual([2, 3]);
  expect(
    broadcastShapes("add", [
      ["batch", 1, 3],
      ["length", 1],
    ]),
  ).toEqual(["batch", "length", 3]);
  expect(broadcastShapes("add", [[], [2]])).toEqual([2]);
  expect(broadcastShapes("add", [])).toEqual([]);
  expect(broadcastShapes("where", [[1], [2, 1], [1, 3]])).toEqual([2, 3]);
});

test("refuses sizes that differ, with op and shapes", () => {
  expect(() => broadcastShapes("add", [[2, 3], [2]])).toThrow(
    /add: .*\[2, 3\] and \[2\].*\n {2}hint: .*aligned from the right/s,
  );
  expect(() => broadcastShapes("mul", [["batch"], ["length"]])).toThrow(/batch and length differ/);
  expect(() => broadcastShapes("mul", [["batch"], [4]])).toThrow(/mul/);
});

test("axes count from both ends", () => {
  expect(normalizeAxis("sum", -1, 3)).toBe(2);
  expect(normalizeAxis("sum", 0, 3)).toBe(0);
  expect(() => normalizeAxis("sum", 3, 3)).toThrow(/sum: axis 3 .*rank 3\n {2}hint: use an axis from -3 to 2/);
  expect(() => normalizeAxis("sum", 0, 0)).toThrow(/scalar/);
  expect(() => normalizeAxis("sum", 0.5, 2)).toThrow(/axis 0.5/);
});

test("reshape fills in -1, also beside sums of names", () => {
  expect(resolveReshape([2, 3], [-1])).toEqual([6]);
  expect(resolveReshape(["batch", "length", 4], [-1, 4])).toEqual([multiplyDims("batch", "length"), 4]);
  expect(resolveReshape(["batch", sum, 6], [-1, sum, 3])).toEqual([multiplyDims(2, "batch"), sum, 3]);
  expect(resolveReshape([sum, 4], [2, -1])).toEqual([2, multiplyDims(2, sum)]);
  expect(resolveReshape([], [1, -1])).toEqual([1, 1]);
  expect(resolveReshape([2, 2, 3], [-1, 2])).toEqual([6, 2]);
  expect(resolveReshape([0, 3], [-1, 3])).toEqual([0, 3]);
});

test("reshape refuses what does not fit", () => {
  expect(() => resolveReshape([2, 3], [4])).toThrow(
    /reshape: cannot turn \[2, 3\] into \[4\]\n {2}hint: the input holds 6/,
  );
  expect(() => resolveReshape([2, 3], [-1, 4])).toThrow(/6 elements do not divide by 4/);
  expect(() => resolveReshape([2, 3], [-1, -1])).toThrow(/only one size/);
  expect(() => resolveReshape(["batch"], ["length"])).toThrow(/batch/);
  expect(() => resolveReshape([3], [-1, 0])).toThrow(/reshape/);
});

test("small helpers", () => {
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
  expect(stridesOf([])).toEqual([]);
  expect(sameShape([2, "a"], [2, "a"])).toBe(true);
  expect(sameShape([2], [2, 1])).toBe(false);
  expect(showShape(["batch", 3])).toBe("[batch, 3]");
});
