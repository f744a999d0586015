/** Cases of reductions, running sums, matrix products, normalisations and rotary positions. */

import type { Tensor } from "../../graph/builder.ts";
import { matmul } from "../../ops/matmul.ts";
import { layerNorm, logSoftmax, rmsNorm, softmax } from "../../ops/normalize.ts";
import type { ReduceOptions } from "../../ops/reduce.ts";
import { argmax, max, mean, min, sum } from "../../ops/reduce.ts";
import { rotary } from "../../ops/rotary.ts";
import { cast } from "../../ops/select.ts";
import { cumsum, iota } from "../../ops/sequence.ts";
import { between, fixed, given, ids, normal, spread } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

const lengths = [
  { batch: 2, length: 3 },
  { batch: 3, length: 1 },
];

/** Every form of reduction, on values that are nowhere equal. */
const forms = (of: (x: Tensor, options?: ReduceOptions) => Tensor): OpCase[] => [
  opCase("all axes", { x: spread([2, 3]) }, ({ x }) => [of(x), of(x, { keepDims: true })]),
  ...[0, 1, -1, [0, 2], [-1, 0], [0, 1, 2], []].map((axes) =>
    opCase(`axes ${JSON.stringify(axes)}`, { x: spread([2, 3, 2]) }, ({ x }) => [
      of(x, { axes }),
      of(x, { axes, keepDims: true }),
    ]),
  ),
  opCase(
    "named",
    { x: spread(["batch", "length", 2]) },
    ({ x }) => [of(x, { axes: 1 }), of(x, { axes: [0, 1] }), of(x)],
    {
      sizes: lengths,
    },
  ),
  opCase("a scalar", { x: normal([]) }, ({ x }) => of(x)),
];

const integerForm = (of: (x: Tensor, options?: ReduceOptions) => Tensor, rows: number[]): OpCase[] =>
  (["int32", "int64"] as const).map((dtype) =>
    opCase(dtype, { x: given([2, 3], [1, -2, 3, 4, 5, -6], dtype) }, ({ x }) => of(x, { axes: 1 }), {
      expected: [rows],
    }),
  );

export const reduceCases = {
  sum: [...forms(sum), ...forms(mean), ...integerForm(sum, [2, 3])],
  max: [
    ...forms(max),
    ...forms(min),
    ...integerForm(max, [3, 5]),
    ...integerForm(min, [-2, -6]),
    opCase("ties share", { x: given([2, 3], [1, 5, 2, 7, 0, 7]) }, ({ x }) => max(x, { axes: 1 }), {
      expected: [[5, 7]],
      expectedGradients: { x: [0, 1, 0, 0.5, 0, 0.5] },
      noDifferences: "a tie",
    }),
  ],
  argmax: [
    opCase(
      "values",
      { x: given([2, 3], [1, 5, 2, 7, 0, 7]) },
      ({ x }) => [argmax(x), argmax(x, { axis: 0, keepDims: true }), argmax(x, { axis: -2 })],
      {
        expected: [
          [1, 0],
          [1, 0, 1],
          [1, 0, 1],
        ],
        noDifferences: "an index",
      },
    ),
    opCase("named", { x: spread(["batch", "length"]) }, ({ x }) => [argmax(x), argmax(x, { axis: 0 })], {
      sizes: lengths,
    }),
  ],
  cumsum: [
    opCase(
      "values",
      { x: given([2, 3], [1, 2, 3, 4, 5, 6]) },
      ({ x }) => [
        cumsum(x, 1),
        cumsum(x, -1, { exclusive: true }),
        cumsum(x, 1, { reverse: true }),
        cumsum(x, 1, { exclusive: true, reverse: true }),
        cumsum(x, 0),
      ],
      {
        expected: [
          [1, 3, 6, 4, 9, 15],
          [0, 1, 3, 0, 4, 9],
          [6, 5, 3, 15, 11, 6],
          [5, 3, 0, 11, 6, 0],
          [1, 2, 3, 5, 7, 9],
        ],
      },
    ),
    opCase("named", { x: normal(["batch", "length", 2]) }, ({ x }) => cumsum(x, 1, { exclusive: true }), {
      sizes: lengths,
    }),
    opCase(
      "integers",
      { i: given([3], [1, 2, 3], "int32"), j: given([3], [1, 2, 3], "int64") },
      ({ i, j }) => [cumsum(i, 0), cumsum(j, 0, { reverse: true })],
      {
        expected: [
          [1, 3, 6],
          [6, 5, 3],
        ],
      },
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;

const booleans = [false, true] as const;

export const matmulCases = {
  matmul: [
    opCase("values", { a: given([2, 2], [1, 2, 3, 4]), b: given([2, 2], [5, 6, 7, 8]) }, ({ a, b }) => matmul(a, b), {
      expected: [[19, 22, 43, 50]],
    }),
    ...booleans.flatMap((transposeA) =>
      booleans.map((transposeB) =>
        opCase(
          `scaled, transposeA ${transposeA}, transposeB ${transposeB}`,
          { a: normal(transposeA ? [3, 2] : [2, 3]), b: normal(transposeB ? [4, 3] : [3, 4]) },
          ({ a, b }) => matmul(a, b, { transposeA, transposeB, scale: -0.3 }),
        ),
      ),
    ),
    ...booleans.flatMap((transposeA) =>
      booleans.map((transposeB) =>
        opCase(
          `batches, transposeA ${transposeA}, transposeB ${transposeB}`,
          {
            a: normal(["batch", 2, ...(transposeA ? [3, 2] : [2, 3])]),
            b: normal(["batch", 1, ...(transposeB ? [4, 3] : [3, 4])]),
          },
          ({ a, b }) => matmul(a, b, { transposeA, transposeB, scale: 0.5 }),
          { sizes: [{ batch: 2 }, { batch: 1 }] },
        ),
      ),
    ),
    opCase("both batches stretched", { a: normal([3, 1, 2, 3]), b: normal([2, 3, 2]) }, ({ a, b }) => matmul(a, b)),
    opCase("2-D by 3-D", { a: normal([2, 3]), b: normal([2, 3, 2]) }, ({ a, b }) => matmul(a, b)),
    opCase("2-D by 3-D, transposed", { a: normal([3, 2]), b: normal([2, 4, 3]) }, ({ a, b }) =>
      matmul(a, b, { transposeA: true, transposeB: true }),
    ),
    opCase(
      "linear layer",
      { x: normal(["batch", "length", 3]), w: normal([4, 3]) },
      ({ x, w }) => matmul(x, w, { transposeB: true }),
      {
        sizes: lengths,
      },
    ),
    opCase(
      "3-D by 2-D",
      { x: normal(["batch", "length", 3]), w: normal([3, 4]) },
      ({ x, w }) => matmul(x, w, { scale: 2 }),
      {
        sizes: lengths,
      },
    ),
    opCase("3-D transposed by 2-D", { x: normal([2, 3, 2]), w: normal([3, 4]) }, ({ x, w }) =>
      matmul(x, w, { transposeA: true }),
    ),
    opCase("a matrix by itself", { a: normal([3, 3]) }, ({ a }) => [matmul(a, a), matmul(a, a, { transposeA: true })]),
  ],
} satisfies Record<string, readonly OpCase[]>;

const waves = Array.from({ length: 12 }, (_, i) => Math.sin(i));
const rows = [1, 2, 4, -1, 0.5, 0.25];

export const normalizeCases = {
  softmax: [
    opCase("middle axis", { x: given([2, 3, 2], waves) }, ({ x }) => softmax(x, 1), {
      expected: [
        [
          0.253052963, 0.601813405, 0.62822365, 0.298746821, 0.118723387, 0.0994397744, 0.187828795, 0.506708196,
          0.668010992, 0.396655114, 0.144160213, 0.0966366899,
        ],
      ],
    }),
    opCase("named", { x: normal(["batch", "length"]) }, ({ x }) => [softmax(x), softmax(x, 0)], { sizes: lengths }),
    opCase("large and forbidden", { x: given([2, 2], [1000, 999, -1e30, 0]) }, ({ x }) => softmax(x), {
      expected: [[1 / (1 + Math.exp(-1)), 1 / (1 + Math.E), 0, 1]],
      noDifferences: "a step changes nothing at −1e30",
    }),
  ],
  logSoftmax: [
    opCase("middle axis", { x: given([2, 3, 2], waves) }, ({ x }) => logSoftmax(x, -2), {
      expected: [
        [
          -1.37415647, -0.507807841, -0.464859046, -1.20815882, -2.13095897, -2.3082031, -1.6722244, -0.679819992,
          -0.403450651, -0.924688105, -1.93683001, -2.3367968,
        ],
      ],
    }),
    opCase("named", { x: normal(["batch", "length"]) }, ({ x }) => logSoftmax(x), { sizes: lengths }),
    opCase("large", { x: given([1, 2], [1000, 0]) }, ({ x }) => logSoftmax(x), { expected: [[0, -1000]] }),
  ],
  rmsNorm: [
    opCase("values", { x: given([2, 3], rows), w: given([3], [1, 0.5, -2]) }, ({ x, w }) => rmsNorm(x, w), {
      expected: [[0.377964203, 0.377964203, -3.02371362, -1.51184061, 0.377960153, -0.755920307]],
    }),
    opCase("named", { x: normal(["batch", "length", 4]), w: normal([4]) }, ({ x, w }) => rmsNorm(x, w, 1e-2), {
      sizes: lengths,
    }),
    opCase("one row without axes", { x: normal([3]), w: normal([3]) }, ({ x, w }) => rmsNorm(x, w)),
  ],
  layerNorm: [
    opCase(
      "values",
      {
        x: given([2, 3], rows),
        w: given([3], [1, 0.5, -2]),
        b: given([3], [0.1, 0.2, 0.3]),
      },
      ({ x, w, b }) => layerNorm(x, w, b),
      {
        expected: [[-0.969041531, 0.0663698086, -2.37260383, -1.29698517, 0.644495283, -0.715989217]],
      },
    ),
    opCase(
      "named",
      { x: normal(["batch", "length", 4]), w: normal([4]), b: normal([4]) },
      ({ x, w, b }) => layerNorm(x, w, b, 1e-2),
      { sizes: lengths },
    ),
    opCase("one row without axes", { x: normal([3]), w: normal([3]), b: normal([3]) }, ({ x, w, b }) =>
      layerNorm(x, w, b),
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;

const table = (shape: (number | string)[]) => fixed(between(-1, 1, shape));

export const rotaryCases = {
  rotary: [
    // A quarter turn takes (a, b) to (−b, a); position 0 stays.
    opCase(
      "half-split quarter turn",
      {
        x: given([1, 2, 1, 4], [1, 2, 3, 4, 1, 2, 3, 4]),
        c: fixed(given([2, 2], [1, 1, 0, 0])),
        s: fixed(given([2, 2], [0, 0, 1, 1])),
      },
      ({ x, c, s }) => [rotary(x, c, s), rotary(x, c, s, { interleaved: true })],
      {
        expected: [
          [1, 2, 3, 4, -3, -4, 1, 2],
          [1, 2, 3, 4, -2, 1, -4, 3],
        ],
      },
    ),
    ...booleans.flatMap((interleaved) => [
      opCase(
        `interleaved ${interleaved}, partial`,
        { x: normal([2, 3, 2, 6]), c: table([3, 2]), s: table([3, 2]) },
        ({ x, c, s }) => rotary(x, c, s, { interleaved }),
      ),
      opCase(
        `interleaved ${interleaved}, a table per batch row`,
        { x: normal(["batch", "length", 2, 4]), c: table(["batch", "length", 1]), s: table(["batch", "length", 1]) },
        ({ x, c, s }) => rotary(x, c, s, { interleaved }),
        { sizes: lengths },
      ),
      opCase(
        `interleaved ${interleaved}, whole head`,
        { x: normal(["batch", "length", 1, 4]), c: table(["length", 2]), s: table(["length", 2]) },
        ({ x, c, s }) => rotary(x, c, s, { interleaved }),
        { sizes: lengths },
      ),
    ]),
  ],
} satisfies Record<string, readonly OpCase[]>;

export const sourceCases = {
  iota: [
    opCase(
      "dtypes",
      { x: normal([1]) },
      ({ x }) => [iota(x.builder, 3), iota(x.builder, 3, "int32"), iota(x.builder, 3, "float32")],
      {
        expected: [
          [0, 1, 2],
          [0, 1, 2],
          [0, 1, 2],
        ],
      },
    ),
    opCase(
      "named",
      { x: ids(["batch", "length"], 3) },
      ({ x }) => [iota(x.builder, "length"), cast(iota(x.builder, "batch"), "float32")],
      {
        sizes: lengths,
      },
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;
