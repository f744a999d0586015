import { expect, it } from "vitest";
import { hostTensor, toNumbers } from "../engine/index.ts";
import { createRandom } from "../support/random.ts";
import { embedding, initEmbedding, tiedLogits } from "./embedding.ts";
import { normal } from "./initialize.ts";
import { quantizeLinear } from "./linear.ts";
import { runTraced } from "./run-traced.fixture.ts";

const plain = initEmbedding({ vocabulary: 7, hidden: 64, initializer: normal({ std: 1 }) }, createRandom(3));
const inputs = {
  ids: hostTensor("int64", [2, 3], [6, 0, 3, 3, 1, 5]),
  x: hostTensor("float32", [1, 64], Array(64).fill(0.1)),
};

it("looks rows up in 8 bits as ggml's q8_0 rounds them", async () => {
  const { rows } = await runTraced(
    quantizeLinear(plain, 8),
    inputs,
    (p: ReturnType<typeof quantizeLinear>, { ids }) => ({
      rows: embedding(p as never, ids),
    }),
  );
  const table = toNumbers(plain.weight);
  const wanted = [6, 0, 3, 3, 1, 5].flatMap((id) => table.slice(64 * id, 64 * id + 64));
  expect(rows.length).toBe(wanted.length);
  // A step of q8_0 is the largest value of a block over 127; rounding is off by half of one at most.
  const step = Math.max(...table.map(Math.abs)) / 127;
  expect(Math.max(...rows.map((value, i) => Math.abs(value - wanted[i]!)))).toBeLessThanOrEqual(0.51 * step);
  expect(rows).not.toEqual(wanted);
});

it("shares the 8-bit table with the output layer", async () => {
  const { logits } = await runTraced(quantizeLinear(plain, 8), inputs, (p: unknown, { x }) => ({
    logits: tiedLogits(p as never, x),
  }));
  const table = toNumbers(plain.weight);
  const wanted = Array.from(
    { length: 7 },
    (_, id) => 0.1 * table.slice(64 * id, 64 * id + 64).reduce((a, b) => a + b, 0),
  );
  logits.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!)).toBeLessThan(0.05);
  });
});
