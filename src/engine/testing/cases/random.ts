/** Cases of random numbers, literals, sizes and hand-written gradients. */
import { createRandom, normal as hostNormal, randomBits, seedKey, uniform } from "../../../support/random.ts";
import { elementCount, hostTensor } from "../../graph/dtype.ts";
import { mul } from "../../ops/binary.ts";
import { composed } from "../../ops/composed.ts";
import { customGradient, reverseGradient, stopGradient } from "../../ops/custom-gradient.ts";
import { constant, emit, scalar } from "../../ops/emit.ts";
import {
  dropout,
  dropoutMaskOp,
  randomBitsOp,
  randomNormal,
  randomSource,
  randomUniform,
  shiftRightOp,
} from "../../ops/random.ts";
import { mean } from "../../ops/reduce.ts";
import { cast } from "../../ops/select.ts";
import { constantOp, dimensionOp } from "../../ops/source.ts";
import { tanh } from "../../ops/unary.ts";
import { given, normal } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

// A key whose words have their highest bits set: signed and unsigned arithmetic differ.
const words = seedKey(createRandom(5).integer(2 ** 50) + 0xf000_0000);
const key = given([2], words, "int64");
const highKey = given([2], [0xffff_fffe, 0x8000_0001], "int64");

export const randomCases = {
  randomBits: [
    ...[1, 2, 5, 64].map((count) =>
      opCase(`${count} words`, { key }, ({ key }) => emit(randomBitsOp, [key], { count, stream: 3 }), {
        expected: [Array.from(randomBits(words, 3, count))],
      }),
    ),
    opCase(
      "large words in key and stream",
      { key: highKey },
      ({ key }) => emit(randomBitsOp, [key], { count: 4, stream: 2 ** 31 + 7 }),
      {
        expected: [Array.from(randomBits([0xffff_fffe, 0x8000_0001], 2 ** 31 + 7, 4))],
      },
    ),
    opCase("named", { key, x: normal(["batch", 3]) }, ({ key, x }) => randomUniform(key, x.shape, 1), {
      sizes: [{ batch: 3 }, { batch: 2 }],
      expected: [Array.from(uniform(words, 1, 9))],
    }),
    opCase("normal", { key }, ({ key }) => [randomNormal(key, [2, 3], 4), randomNormal(key, [5], 5)], {
      expected: [Array.from(hostNormal(words, 4, 6)), Array.from(hostNormal(words, 5, 5))],
      tolerance: { relative: 3e-6, reason: "sine, cosine and logarithm differ in the last digits between libraries" },
    }),
    opCase("normal, named", { key, x: normal(["batch"]) }, ({ key, x }) => randomNormal(key, x.shape, 4), {
      sizes: [{ batch: 3 }, { batch: 2 }],
    }),
  ],
  dropoutMask: [
    // Odd sizes, and one for which whole vectors, a rest of vectors and a cut last word all occur.
    ...[[1], [7], [3, 5], [2, 9, 73]].map((shape) =>
      opCase(`[${shape}]`, { key }, ({ key }) => emit(dropoutMaskOp, [key], { shape, stream: 6, rate: 0.3 }), {
        expected: [
          Array.from(uniform(words, 6, elementCount(shape)), (x) => (x >= Math.fround(0.3) ? 1 / (1 - 0.3) : 0)),
        ],
      }),
    ),
    opCase("large words in key and stream", { key: highKey }, ({ key }) =>
      emit(dropoutMaskOp, [key], { shape: [37], stream: 2 ** 31 + 7, rate: 0.5 }),
    ),
    opCase(
      "named",
      { key, x: normal(["batch", 3]) },
      ({ key, x }) => emit(dropoutMaskOp, [key], { shape: x.shape, stream: 1, rate: 0.75 }),
      { sizes: [{ batch: 3 }, { batch: 2 }] },
    ),
    opCase(
      "dropout keeps one mask for both passes",
      { key, x: normal(["batch", 8]) },
      ({ key, x }) => dropout(tanh(x), 0.5, randomSource(key)),
      {
        sizes: [{ batch: 2 }, { batch: 4 }],
      },
    ),
    opCase("nearly everything and nearly nothing", { key }, ({ key }) =>
      [1e-9, 1 - 1e-9].map((rate, stream) => emit(dropoutMaskOp, [key], { shape: [70], stream, rate })),
    ),
  ],
  shiftRight: [
    opCase(
      "values",
      { key },
      ({ key }) => cast(emit(shiftRightOp, [emit(randomBitsOp, [key], { count: 3, stream: 0 })], { bits: 8 }), "int64"),
      {
        expected: [Array.from(randomBits(words, 0, 3), (word) => word >>> 8)],
      },
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;

export const sourceOpCases = {
  constant: [
    opCase(
      "dtypes and shapes",
      { x: normal([2]) },
      ({ x }) => [
        constant(x, "float32", [2, 2], [1, 2, 3, 4]),
        constant(x, "int64", [3], [-1, 0, 2 ** 40]),
        constant(x, "int32", [], [-7]),
        constant(x, "bool", [2], [1, 0]),
        mul(x, scalar(x, 3)),
      ],
      { expected: [[1, 2, 3, 4], [-1, 0, 2 ** 40], [-7], [1, 0]] },
    ),
    opCase(
      "half precision, given as bits",
      { x: normal([1]) },
      ({ x }) => {
        const literal = (dtype: "float16" | "bfloat16", bits: number) =>
          x.builder.emit(constantOp, [], { value: hostTensor(dtype, [1], [bits]) })[0]!;
        return [cast(literal("float16", 0x3e00), "float32"), cast(literal("bfloat16", 0x3fc0), "float32")];
      },
      { expected: [[1.5], [1.5]] },
    ),
  ],
  dimension: [
    opCase("mean over a named axis", { x: normal(["batch", 2]) }, ({ x }) => mean(x, { axes: 0 }), {
      sizes: [{ batch: 2 }, { batch: 5 }],
    }),
    opCase(
      "dtypes",
      { x: normal(["batch", 2]) },
      ({ x }) =>
        (["int64", "int32", "float32"] as const).map(
          (dtype) => x.builder.emit(dimensionOp, [], { dim: "batch", dtype })[0]!,
        ),
      { sizes: [{ batch: 3 }, { batch: 1 }], expected: [[3], [3], [3]] },
    ),
  ],
  composed: [
    opCase("is what it is composed of", { x: normal([3]) }, ({ x }) =>
      mul(composed([tanh(x)], [x], { piece: "causalAttention", scale: 1 })[0]!, x),
    ),
  ],
  customGradient: [
    opCase("stops", { x: normal([3]) }, ({ x }) => mul(stopGradient(tanh(x)), x), {
      noDifferences: "the stopped factor counts as a constant",
    }),
    opCase("stops everything", { x: given([2], [1, 2]) }, ({ x }) => stopGradient(x), {
      expected: [[1, 2]],
      expectedGradients: { x: [0, 0] },
      noDifferences: "the gradient is stopped on purpose",
    }),
    opCase("reverses", { x: given([2], [1, 2]) }, ({ x }) => reverseGradient(mul(x, x), 0.5), {
      expected: [[1, 4]],
      expectedGradients: { x: [-1, -2] },
      noDifferences: "the gradient is reversed on purpose",
    }),
    opCase(
      "straight-through rounding",
      { x: given([2], [1.25, -0.75]) },
      ({ x }) => {
        const rounded = cast(cast(x, "int32"), "float32");
        return customGradient([rounded], [x], ([g]) => [g])[0]!;
      },
      {
        expected: [[1, 0]],
        expectedGradients: { x: [1, 1] },
        noDifferences: "rounding has steps",
      },
    ),
    opCase(
      "two results, two parameters",
      { x: normal([2]), y: normal([2]) },
      ({ x, y }) => {
        const [product, square] = customGradient([mul(x, y), mul(x, x)], [x, y], ([p, s]) => [
          mul(s!, mul(x, 2)),
          mul(p!, x),
        ]);
        // The rule leaves p·y out, so the product's part of the gradient of x is missing on purpose.
        return [product!, square!];
      },
      { noDifferences: "an incomplete rule" },
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;
