import { expect, it } from "vitest";
import { nextTokenSample, packSamples, padSample } from "./samples.ts";

it("asks every token for the next one", () => {
  expect(nextTokenSample([4, 5, 6])).toEqual({ ids: [4, 5, 6], targets: [5, 6, -100] });
});

it("packs samples end to end, goes on in the next row, pads the last", () => {
  const rows = [...packSamples([nextTokenSample([1, 2, 3]), nextTokenSample([4, 5, 6, 7, 8])], 3, 0)];
  expect(rows).toEqual([
    { ids: [1, 2, 3], targets: [2, 3, -100] },
    { ids: [4, 5, 6], targets: [5, 6, 7] },
    { ids: [7, 8, 0], targets: [8, -100, -100] },
  ]);
});

it("cuts a sample that is too long", () => {
  expect(padSample(nextTokenSample([1, 2, 3]), 2, 0)).toEqual({ ids: [1, 2], targets: [2, 3] });
});

it("refuses a sample whose parts differ in length", () => {
  expect(() => [...packSamples([{ ids: [1, 2], targets: [2] }], 4, 0)]).toThrow(/2 ids and 1 targets/);
});
