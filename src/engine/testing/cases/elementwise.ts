/** Cases of the elementwise ops. Expected values with nine digits are PyTorch's in float64. */
import type { Tensor } from "../../graph/builder.ts";
import { add, clamp, div, maximum, minimum, mul, pow, sub } from "../../ops/binary.ts";
import { and, equal, greater, greaterOrEqual, less, lessOrEqual, notEqual, or } from "../../ops/compare.ts";
import { concat } from "../../ops/movement.ts";
import { barrier, cast, where } from "../../ops/select.ts";
import {
  abs,
  cos,
  erf,
  exp,
  floor,
  log,
  neg,
  not,
  reciprocal,
  relu,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  tanh,
} from "../../ops/unary.ts";
import { awayFromZero, between, flags, given, type InputSpec, ids, normal } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

const batches = [{ batch: 2 }, { batch: 3 }];

/** Values from PyTorch, then gradients on random input with a named size. */
const smooth = (
  of: (x: Tensor) => Tensor,
  points: number[],
  values: number[],
  input = normal(["batch", 3]),
): OpCase[] => [
  opCase("values", { x: given([points.length], points) }, ({ x }) => of(x), { expected: [values] }),
  opCase("any batch", { x: input }, ({ x }) => of(x), { sizes: batches }),
];

const points = [-2.5, -1, -0.25, 0.25, 1, 3];
const positive = [0.25, 1, 2.5, 3, 7];

const integers = (of: (x: Tensor) => Tensor, values: readonly number[]): OpCase[] =>
  (["int32", "int64"] as const).map((dtype) =>
    opCase(dtype, { x: given([4], [-3, 0, 2, 7], dtype) }, ({ x }) => of(x), { expected: [values] }),
  );

const kink = "a kink at this place";

export const unaryCases = {
  neg: [...smooth(neg, [-1, 0, 2], [1, -0, -2]), ...integers(neg, [3, 0, -2, -7])],
  abs: [
    ...smooth(abs, [-1.5, 2], [1.5, 2], awayFromZero(["batch", 3])),
    ...integers(abs, [3, 0, 2, 7]),
    opCase("no gradient at 0", { x: given([3], [-1, 0, 2]) }, ({ x }) => abs(x), {
      expectedGradients: { x: [-1, 0, 1] },
      noDifferences: kink,
    }),
  ],
  sign: [
    opCase("values", { x: given([4], [-1.5, 0, 2, -0.1]) }, ({ x }) => sign(x), {
      expected: [[-1, 0, 1, -1]],
      expectedGradients: { x: [0, 0, 0, 0] },
      noDifferences: kink,
    }),
    ...integers(sign, [-1, 0, 1, 1]),
  ],
  floor: [
    opCase("values", { x: given([5], [-1.5, -1, 0.5, 2.99, 3]) }, ({ x }) => floor(x), {
      expected: [[-2, -1, 0, 2, 3]],
      expectedGradients: { x: [0, 0, 0, 0, 0] },
      noDifferences: kink,
    }),
  ],
  exp: smooth(exp, points, [0.0820849986, 0.367879441, 0.778800783, 1.28402542, Math.E, 20.0855369]),
  log: smooth(log, positive, [-1.38629436, 0, 0.916290732, 1.09861229, 1.94591015], between(0.5, 2, ["batch", 3])),
  sqrt: smooth(sqrt, positive, [0.5, 1, 1.58113883, 1.73205081, 2.64575131], between(0.5, 2, ["batch", 3])),
  reciprocal: smooth(reciprocal, positive, [4, 1, 0.4, 0.333333333, 0.142857143], awayFromZero(["batch", 3])),
  sin: smooth(sin, points, [-0.598472144, -0.841470985, -0.247403959, 0.247403959, 0.841470985, 0.141120008]),
  cos: smooth(cos, points, [-0.801143616, 0.540302306, 0.968912422, 0.968912422, 0.540302306, -0.989992497]),
  tanh: smooth(tanh, points, [-0.986614298, -0.761594156, -0.244918662, 0.244918662, 0.761594156, 0.995054754]),
  sigmoid: smooth(sigmoid, points, [0.07585818, 0.268941421, 0.437823499, 0.562176501, 0.731058579, 0.952574127]),
  erf: [
    ...smooth(erf, points, [-0.999593048, -0.842700793, -0.27632639, 0.27632639, 0.842700793, 0.99997791]),
    // Around 2.5 the reference kernel changes its formula.
    opCase("large", { x: given([6], [2.4, 2.5, 2.6, 4, 6.5, -3]) }, ({ x }) => erf(x), {
      expected: [[0.999311486, 0.999593048, 0.999763966, 0.999999985, 1, -0.99997791]],
    }),
  ],
  softplus: [
    ...smooth(softplus, points, [0.0788897343, 0.313261688, 0.57593942, 0.82593942, 1.31326169, 3.04858735]),
    opCase("no overflow", { x: given([2], [200, -200]) }, ({ x }) => softplus(x), {
      expected: [[200, 0]],
      expectedGradients: { x: [1, 0] },
    }),
  ],
  relu: [
    ...smooth(relu, [-1, 0.5], [0, 0.5], awayFromZero(["batch", 3])),
    opCase("no gradient at 0", { x: given([3], [-1, 0, 2]) }, ({ x }) => relu(x), {
      expectedGradients: { x: [0, 0, 1] },
      noDifferences: kink,
    }),
  ],
  silu: [
    ...smooth(silu, points, [-0.18964545, -0.268941421, -0.109455875, 0.140544125, 0.731058579, 2.85772238]),
    opCase("no overflow", { x: given([2], [100, -100]) }, ({ x }) => silu(x), {
      expected: [[100, 0]],
      expectedGradients: { x: [1, 0] },
    }),
  ],
  not: [opCase("values", { x: given([3], [1, 0, 1], "bool") }, ({ x }) => not(x), { expected: [[0, 1, 0]] })],
} satisfies Record<string, readonly OpCase[]>;

type Pair = (a: Tensor, b: Tensor) => Tensor;

/** Every way in which two shapes can meet. */
const meetings = (of: Pair, make: (shape: (number | string)[]) => InputSpec): OpCase[] => [
  opCase("equal shapes", { a: make([2, 3]), b: make([2, 3]) }, ({ a, b }) => of(a, b)),
  opCase("left stretched", { a: make([3]), b: make([2, 3]) }, ({ a, b }) => of(a, b)),
  opCase("right stretched", { a: make([2, 3]), b: make([2, 1]) }, ({ a, b }) => of(a, b)),
  opCase("both stretched", { a: make([2, 1, 2]), b: make([3, 1]) }, ({ a, b }) => of(a, b)),
  opCase("scalar", { a: make([]), b: make([2, 2]) }, ({ a, b }) => of(a, b)),
  opCase("named", { a: make(["batch", 1, 3]), b: make(["batch", "length", 3]) }, ({ a, b }) => of(a, b), {
    sizes: [
      { batch: 2, length: 2 },
      { batch: 1, length: 3 },
    ],
  }),
  opCase("one tensor twice", { a: make([3]) }, ({ a }) => of(a, a)),
];

const wholeNumbers = (of: Pair, values: readonly number[]): OpCase[] =>
  (["int32", "int64"] as const).map((dtype) =>
    opCase(
      dtype,
      { a: given([4], [7, -7, 2, 0], dtype), b: given([4], [2, 2, -3, 5], dtype) },
      ({ a, b }) => of(a, b),
      {
        expected: [values],
      },
    ),
  );

const apart = (shape: (number | string)[]): InputSpec => ({
  ...normal(shape),
  // Random values nearly never come close to a tie; a seed that does would show as a failing difference.
  fill: (sizes, random) =>
    random.normalArray(
      sizes.reduce((a, b) => a * b, 1),
      0,
      3,
    ),
});

const withoutSame = (cases: OpCase[]): OpCase[] => cases.filter(({ name }) => name !== "one tensor twice");

export const binaryCases = {
  add: [...meetings(add, normal), ...wholeNumbers(add, [9, -5, -1, 5])],
  sub: [
    ...meetings(sub, normal),
    ...wholeNumbers(sub, [5, -9, 5, -5]),
    opCase("number on the left", { a: normal([2]) }, ({ a }) => sub(1, a)),
  ],
  mul: [...meetings(mul, normal), ...wholeNumbers(mul, [14, -14, -6, 0])],
  div: [
    ...meetings(div, awayFromZero),
    // Towards zero, as in C and ONNX.
    ...wholeNumbers(div, [3, -3, 0, 0]),
  ],
  pow: [
    ...meetings(pow, (shape) => between(0.5, 2, shape)),
    opCase("squares of negative numbers", { a: given([3], [-2, -0.5, 3]) }, ({ a }) => pow(a, 2), {
      expected: [[4, 0.25, 9]],
    }),
    opCase("small exponents at 0", { a: given([2], [0, 2]) }, ({ a }) => [pow(a, 0), pow(a, 1), pow(a, 2)], {
      expected: [
        [1, 1],
        [0, 2],
        [0, 4],
      ],
      expectedGradients: { a: [1, 5] },
    }),
    opCase("exponent's gradient at base 0", { a: given([2], [0, 2]), b: given([2], [2, 3]) }, ({ a, b }) => pow(a, b), {
      expectedGradients: { a: [0, 12], b: [0, 8 * Math.LN2] },
      noDifferences: "the base may not become negative",
    }),
  ],
  maximum: [
    ...withoutSame(meetings(maximum, apart)),
    ...wholeNumbers(maximum, [7, 2, 2, 5]),
    opCase("ties share", { a: given([3], [1, 2, 3]), b: given([3], [3, 2, 1]) }, ({ a, b }) => maximum(a, b), {
      expectedGradients: { a: [0, 0.5, 1], b: [1, 0.5, 0] },
      noDifferences: kink,
    }),
  ],
  minimum: [
    ...withoutSame(meetings(minimum, apart)),
    ...wholeNumbers(minimum, [2, -7, -3, 0]),
    opCase("ties share", { a: given([3], [1, 2, 3]), b: given([3], [3, 2, 1]) }, ({ a, b }) => minimum(a, b), {
      expectedGradients: { a: [1, 0.5, 0], b: [0, 0.5, 1] },
      noDifferences: kink,
    }),
    opCase("clamp", { a: given([3], [-3, 0.5, 4]) }, ({ a }) => clamp(a, -2, 2), {
      expected: [[-2, 0.5, 2]],
      expectedGradients: { a: [0, 1, 0] },
    }),
  ],
} satisfies Record<string, readonly OpCase[]>;

const comparison = (of: Pair, values: readonly number[]): OpCase[] => [
  ...(["float32", "int32", "int64"] as const).map((dtype) =>
    opCase(dtype, { a: given([3, 1], [1, 2, 3], dtype), b: given([3], [1, 2, 3], dtype) }, ({ a, b }) => of(a, b), {
      expected: [values],
    }),
  ),
  opCase("named", { a: ids(["batch", 2], 3), b: ids([2], 3) }, ({ a, b }) => of(a, b), { sizes: batches }),
];

const logic = (of: Pair, values: readonly number[]): OpCase[] => [
  opCase("table", { a: given([2, 1], [0, 1], "bool"), b: given([2], [0, 1], "bool") }, ({ a, b }) => of(a, b), {
    expected: [values],
  }),
];

export const compareCases = {
  equal: [...comparison(equal, [1, 0, 0, 0, 1, 0, 0, 0, 1]), ...comparison(notEqual, [0, 1, 1, 1, 0, 1, 1, 1, 0])],
  less: [...comparison(less, [0, 1, 1, 0, 0, 1, 0, 0, 0]), ...comparison(greater, [0, 0, 0, 1, 0, 0, 1, 1, 0])],
  lessOrEqual: [
    ...comparison(lessOrEqual, [1, 1, 1, 0, 1, 1, 0, 0, 1]),
    ...comparison(greaterOrEqual, [1, 0, 0, 1, 1, 0, 1, 1, 1]),
  ],
  and: logic(and, [0, 0, 0, 1]),
  or: logic(or, [0, 1, 1, 1]),
} satisfies Record<string, readonly OpCase[]>;

export const selectCases = {
  where: [
    opCase("all stretched", { c: flags([2, 1, 1]), a: normal([3, 1]), b: normal([2]) }, ({ c, a, b }) =>
      where(c, a, b),
    ),
    opCase(
      "named",
      { c: flags(["batch", 1]), a: normal(["batch", 2]), b: normal([]) },
      ({ c, a, b }) => where(c, a, b),
      {
        sizes: batches,
      },
    ),
    opCase(
      "int64",
      { c: given([3], [1, 0, 1], "bool"), a: given([3], [1, 2, 3], "int64") },
      ({ c, a }) => where(c, a, -1),
      {
        expected: [[1, -1, 3]],
      },
    ),
    opCase(
      "values not chosen may be infinite",
      { a: given([2], [0, 4]) },
      ({ a }) => where(less(a, 1), 0, reciprocal(a)),
      {
        expected: [[0, 0.25]],
        noDifferences: "0·∞ behind the choice gives NaN, as in PyTorch: choose before dividing",
      },
    ),
  ],
  cast: [
    opCase(
      "float32 to integers",
      { x: given([4], [-1.7, -0.2, 0.9, 2.5]) },
      ({ x }) => [cast(x, "int32"), cast(x, "int64")],
      {
        expected: [
          [-1, 0, 0, 2],
          [-1, 0, 0, 2],
        ],
      },
    ),
    opCase("float32 to bool", { x: given([3], [0, 0.25, -1]) }, ({ x }) => cast(x, "bool"), { expected: [[0, 1, 1]] }),
    opCase(
      "integers and bool to float32",
      { i: ids([3], 9), j: ids([3], 9, "int32"), b: flags([3]) },
      ({ i, j, b }) => [
        cast(i, "float32"),
        cast(j, "float32"),
        cast(b, "float32"),
        cast(b, "int64"),
        cast(i, "int32"),
        cast(j, "int64"),
        cast(i, "bool"),
      ],
    ),
    // 1/3 keeps 11 binary digits in float16 and 8 in bfloat16; 1 + 2^-8 is a tie in bfloat16 and goes to even.
    opCase(
      "through half precision",
      { x: given([3], [1 / 3, 1 + 2 ** -8, -2]) },
      ({ x }) => [cast(cast(x, "float16"), "float32"), cast(cast(x, "bfloat16"), "float32")],
      {
        expected: [
          [0.333251953125, 1.00390625, -2],
          [0.333984375, 1, -2],
        ],
        expectedGradients: { x: [2, 2, 2] },
        noDifferences: "rounding has steps",
      },
    ),
  ],
  barrier: [
    opCase("an identity", { x: normal([2]), after: normal([3]) }, ({ x, after }) => barrier(x, after)),
    opCase(
      "between uses",
      { x: normal(["batch", 2]) },
      ({ x }) => {
        const y = exp(x);
        return concat([barrier(x, y), y], 0);
      },
      { sizes: batches },
    ),
  ],
} satisfies Record<string, readonly OpCase[]>;
