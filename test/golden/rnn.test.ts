/**
 * A two-layer bidirectional LSTM and a one-layer GRU against PyTorch 2.11: outputs, and gradients of mean(output²) for
 * every parameter. The comparison itself is tools/golden/recurrent.ts.
 */
import { expect, test } from "vitest";
import { flattenTree, type HostTensor } from "../../src/engine/index.ts";
import { recurrentFromTorch } from "../../src/nn/index.ts";
import { recurrentCells, recurrentErrors, under } from "../../tools/golden/recurrent.ts";
import { describeBackends } from "../nn/backends.fixture.ts";
import { hasGolden, readGolden } from "../nn/golden-files.fixture.ts";

const file = "rnn.safetensors";
const isThere = hasGolden(file);
const golden = isThere ? readGolden(file) : {};

describeBackends("recurrent layers equal PyTorch", isThere, (backend) => {
  test.each(Object.entries(recurrentCells))("%s", async (cell, count) => {
    const found = await recurrentErrors(golden, cell as keyof typeof recurrentCells, backend());
    expect(found.length).toBe(1 + count);
    for (const { name, error, tolerance } of found) expect(error, name).toBeLessThan(tolerance);
  });
});

test.skipIf(!isThere)("every recorded parameter is used", () => {
  const recorded = under(golden, "lstm.state.");
  expect(flattenTree<HostTensor>(recurrentFromTorch(recorded)).length).toBe(Object.keys(recorded).length);
});
