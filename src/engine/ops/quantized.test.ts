/** Quantised products: rounding of the left operand, gradients, and refusals. */
import { expect, test } from "vitest";
import { referenceBackend } from "../backends/reference/index.ts";
import { trace } from "../graph/builder.ts";
import { hostTensor, toNumbers } from "../graph/dtype.ts";
import { quantizedMatmul } from "./quantized.ts";

test("int8 rounds the left operand to 127ths of the block's largest magnitude, ties to even", async () => {
  const graph = trace((builder) => {
    const x = builder.input("x", "float32", [1, 64]);
    const codes = builder.input("codes", "uint8", [1, 2, 32]);
    const scales = builder.input("scales", "float32", [1, 2]);
    builder.output("y", quantizedMatmul(x, codes, scales, { bits: 8, activations: "int8" }));
  });
  const program = await referenceBackend().compile(graph);
  const x = new Float32Array(64);
  x.set([127, 0.5, 1.5, -2.5, 0.4]); // becomes 127, 0, 2, −2, 0; the second block is all zero
  const codes = new Uint8Array(64).fill(7);
  codes.set([129, 129, 130, 131, 255]);
  const { y } = await program.run({
    x: { dtype: "float32", shape: [1, 64], data: x },
    codes: { dtype: "uint8", shape: [1, 2, 32], data: codes },
    scales: hostTensor("float32", [1, 2], [0.5, 3]),
  });
  expect(toNumbers(y!)).toEqual([0.5 * (127 + 2 * 2 - 2 * 3)]);
});

test.each([
  [[2, 32], [4, 1, 16], [4, 1], 8, "x \\[2, 32\\] does not fit weights of 16 columns"],
  [[2, 32], [4, 1, 16], [4, 2], 4, "are no weights of 4 bits"],
  [[2, 32], [4, 16], [4, 1], 4, "are no weights of 4 bits"],
] as const)(
  "x %j with codes %j and scales %j of %i bits is refused",
  (xShape, codesShape, scalesShape, bits, message) => {
    expect(() =>
      trace((builder) => {
        const x = builder.input("x", "float32", xShape);
        const codes = builder.input("codes", "uint8", codesShape);
        const scales = builder.input("scales", "float32", scalesShape);
        builder.output("y", quantizedMatmul(x, codes, scales, { bits }));
      }),
    ).toThrow(new RegExp(message));
  },
);
