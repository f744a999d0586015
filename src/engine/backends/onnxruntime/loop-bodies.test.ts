/** Bodies of loops get the machine code that the graph around them gets: products, attention and masks. */
import { expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import {
  add,
  attention,
  dropout,
  hostTensor,
  matmul,
  randomSource,
  reshape,
  scan,
  sum,
  toNumbers,
  trace,
} from "../../index.ts";
import { referenceBackend } from "../reference/index.ts";
import { onnxruntimeBackend } from "./index.ts";

const [steps, rows, width, heads] = [2, 128, 128, 2];

// Sizes from which machine code takes over, and nothing of the kind outside the loop.
const graph = trace((builder) => {
  const key = builder.input("key", "int64", [2]);
  const x = builder.input("x", "float32", [steps, rows, width]);
  const w = builder.input("w", "float32", [width, width]);
  const { results } = scan(
    (_, __, [slice], [weight, innerKey]) => {
      const projected = matmul(dropout(slice!, 0.25, randomSource(innerKey!)), weight!);
      const split = reshape(projected, [1, heads, rows, width / heads]);
      return { carries: [], results: [reshape(attention(split, split, split, { causal: true }), [rows, width])] };
    },
    { carries: [], sequences: [x], captured: [w, key] },
  );
  builder.output("y", results[0]!);
  builder.output("sum", sum(add(results[0]!, 1)));
});

test("a loop over large products, attention and dropout gives what the reference gives", async () => {
  const random = createRandom(4);
  const inputs = {
    key: hostTensor("int64", [2], [7, 9]),
    x: hostTensor("float32", [steps, rows, width], random.normalArray(steps * rows * width)),
    w: hostTensor(
      "float32",
      [width, width],
      random.normalArray(width * width).map((value) => value / 11),
    ),
  };
  const [found, plain, wanted] = await Promise.all(
    [onnxruntimeBackend(), onnxruntimeBackend({ fuse: false }), referenceBackend()].map(async (backend) => {
      const program = await backend.compile(graph);
      const { y } = await program.run(inputs);
      await program.dispose();
      return toNumbers(y!);
    }),
  );
  const worst = (values: readonly number[]) => Math.max(...values.map((value, i) => Math.abs(value - wanted![i]!)));
  expect(worst(found!)).toBeLessThan(1e-4);
  expect(worst(plain!)).toBeLessThan(1e-4);
});
