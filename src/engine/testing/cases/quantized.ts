/** Cases of quantised weights. */
import { dequantize, type QuantizedActivations, quantizedMatmul, type WeightBits } from "../../ops/quantized.ts";
import { between, fixed, given, type InputSpec, normal } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

/** Any byte is a code, or two. */
const bytes = (shape: readonly number[]): InputSpec => ({
  dtype: "uint8",
  shape,
  fill: (sizes, random) =>
    Array.from({ length: sizes.reduce((product, size) => product * size, 1) }, () => random.integer(256)),
  wanted: false,
});
const scalesOf = (shape: readonly number[]): InputSpec => fixed(between(-0.1, 0.1, shape));

const product = (bits: WeightBits, activations: QuantizedActivations): OpCase =>
  opCase(
    `${bits} bits, ${activations}`,
    {
      x: normal(["batch", "length", 64]),
      codes: bytes([5, 2, 4 * bits]),
      scales: scalesOf([5, 2]),
    },
    ({ x, codes, scales }) => quantizedMatmul(x, codes, scales, { bits, activations }),
    {
      sizes: [
        { batch: 2, length: 3 },
        { batch: 1, length: 1 },
      ],
      ...(activations === "int8"
        ? {
            noDifferences: "rounding is a staircase",
            tolerance: { relative: 1e-2, reason: "a code of the left operand may be rounded the other way" },
          }
        : { tolerance: { relative: 2e-5, reason: "onnxruntime sums blocks in another order" } }),
    },
  );

export const quantizedCases = {
  dequantize: [
    opCase(
      "4 bits by hand",
      {
        codes: given([2, 1, 16], [0x10, 0xf8, ...new Array(30).fill(0x88)], "uint8"),
        scales: fixed(given([2, 1], [0.5, 2])),
      },
      ({ codes, scales }) => dequantize(codes, scales, 4),
      { expected: [[-4, -3.5, 0, 3.5, ...new Array(60).fill(0)]] },
    ),
    opCase(
      "8 bits by hand",
      { codes: given([1, 2, 2], [0, 255, 128, 129], "uint8"), scales: fixed(given([1, 2], [0.5, -2])) },
      ({ codes, scales }) => dequantize(codes, scales, 8),
      { expected: [[-64, 63.5, 0, -2]] },
    ),
    opCase("random 4 bits", { codes: bytes([3, 4, 16]), scales: scalesOf([3, 4]) }, ({ codes, scales }) =>
      dequantize(codes, scales, 4),
    ),
  ],
  quantizedMatmul: [
    product(4, "float32"),
    product(8, "float32"),
    product(4, "int8"),
    product(8, "int8"),
    opCase(
      "by hand, nothing to round",
      {
        x: given([1, 32], [127, 1, 2, -3, 0, ...new Array(27).fill(0)]),
        codes: given([1, 1, 32], [129, 129, 130, 131, 255, ...new Array(27).fill(7)], "uint8"),
        scales: fixed(given([1, 1], [0.5])),
      },
      ({ x, codes, scales }) => quantizedMatmul(x, codes, scales, { bits: 8, activations: "int8" }),
      { expected: [[0.5 * (127 + 1 + 2 * 2 - 3 * 3)]], noDifferences: "rounding is a staircase" },
    ),
  ],
};
