import { expect, test } from "vitest";
import { hostTensor, toNumbers } from "../engine/index.ts";
import { rotaryConstants, rotaryFrequencies, rotaryRows, rotaryTables, rotaryTablesInGraph } from "./rotary-tables.ts";
import { runTraced } from "./run-traced.fixture.ts";

const frequencies = rotaryFrequencies({ size: 6 });
// cos then sin of position · 10000^(−2i/6) from PyTorch in float64
const expected = new Map([
  [1, [0.540302, 0.998923, 0.999998, 0.841471, 0.046399, 0.002154]],
  [1000, [0.562379, -0.759663, -0.551064, 0.82688, 0.650317, 0.834463]],
  [123456, [-0.672295, 0.998493, -0.491063, -0.740283, 0.054883, 0.871124]],
]);

test.each([...expected])("host tables at position %i are exact", (position, values) => {
  const { cosines, sines } = rotaryTables([position], frequencies);
  [...toNumbers(cosines), ...toNumbers(sines)].forEach((value, i) => {
    expect(Math.abs(value - values[i]!)).toBeLessThan(1e-6);
  });
});

test("a count stands for positions from 0, and the scale multiplies", () => {
  const { cosines, sines } = rotaryTables(3, [0.5, 0.25], 2);
  expect(cosines.shape).toEqual([3, 2]);
  const angles = [0, 0, 0.5, 0.25, 1, 0.5];
  expect(toNumbers(cosines)).toEqual(angles.map((angle) => Math.fround(2 * Math.cos(angle))));
  expect(toNumbers(sines)).toEqual(angles.map((angle) => Math.fround(2 * Math.sin(angle))));
});

test("rows of host tables and tables made in the graph agree with the host", async () => {
  const positions = hostTensor("int64", [2, 2], [0, 1, 999, 3]);
  const found = await runTraced({}, { positions }, (_: object, given) => {
    const at = given.positions;
    const rows = rotaryRows(rotaryConstants(at, rotaryTables(1000, frequencies)), at);
    const inGraph = rotaryTablesInGraph(at, frequencies, 3);
    return { rows: rows.cosines, cosines: inGraph.cosines, sines: inGraph.sines };
  });
  const host = rotaryTables([0, 1, 999, 3], frequencies);
  expect(found.rows).toEqual(toNumbers(host.cosines));
  toNumbers(host.cosines).forEach((value, i) => {
    expect(Math.abs(found.cosines[i]! / 3 - value)).toBeLessThan(999 * 2 ** -23);
    expect(Math.abs(found.sines[i]! / 3 - toNumbers(host.sines)[i]!)).toBeLessThan(999 * 2 ** -23);
  });
});

test("an odd number of rotating channels is refused", () => {
  expect(() => rotaryFrequencies({ size: 5 })).toThrow("size / 2 is 2.5");
});
