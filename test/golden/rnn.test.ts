/**
 * A two-layer bidirectional LSTM and a one-layer GRU against PyTorch 2.11: outputs, and gradients of mean(output²) for
 * every parameter. Tolerances are those of shared/golden/README.md.
 */
import { expect, test } from "vitest";
import { flattenTree, type HostTensor, mean, mul, type Tensor, toNumbers } from "../../src/engine/index.ts";
import { type Recurrent, recurrent, recurrentFromTorch } from "../../src/nn/index.ts";
import { relativeError, runTraced } from "../../src/nn/run-traced.fixture.ts";
import { describeBackends } from "../nn/backends.fixture.ts";
import { hasGolden, readGolden } from "../nn/golden-files.fixture.ts";

const file = "rnn.safetensors";
const isThere = hasGolden(file);
const golden = isThere ? readGolden(file) : {};

/** Entries under a prefix, which is taken off. */
const under = (prefix: string): Record<string, HostTensor> =>
  Object.fromEntries(
    Object.entries(golden).flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
    ),
  );

describeBackends("recurrent layers equal PyTorch", isThere, (backend) => {
  test.each([
    ["lstm", 16],
    ["gru", 4],
  ] as const)("%s", async (cell, count) => {
    const parameters = recurrentFromTorch(under(`${cell}.state.`));
    const build = (p: Recurrent<Tensor>, given: { readonly x: Tensor }) => {
      const { output } = recurrent(p, given.x, { cell });
      return { output, loss: mean(mul(output, output)) };
    };
    const found = await runTraced(parameters, { x: golden[`${cell}.x`]! }, build, backend());
    expect(relativeError(found.output, toNumbers(golden[`${cell}.out`]!))).toBeLessThan(1e-4);

    const expected = flattenTree<HostTensor>(recurrentFromTorch(under(`${cell}.grad.`)));
    expect(expected.length).toBe(count);
    const all = expected.flatMap(([, gradient]) => toNumbers(gradient));
    const floor = 1e-3 * Math.max(...all.map(Math.abs));
    for (const [path, gradient] of expected) {
      expect(relativeError(found[`gradient.${path}`]!, toNumbers(gradient), floor), path).toBeLessThan(1e-3);
    }
  });
});

test.skipIf(!isThere)("every recorded parameter is used", () => {
  const used = flattenTree<HostTensor>(recurrentFromTorch(under("lstm.state."))).length;
  expect(used).toBe(Object.keys(under("lstm.state.")).length);
});
