/** Cases of functions made of several ops: losses, attention, activations, recomputation. Values are PyTorch's. */
import { recompute } from "../../autodiff/recompute.ts";
import { attention, causalBias, maskBias, prefixBias } from "../../ops/attention.ts";
import { add, mul } from "../../ops/binary.ts";
import { type CrossEntropyOptions, crossEntropy, linearCrossEntropy } from "../../ops/cross-entropy.ts";
import { gather } from "../../ops/gather.ts";
import { matmul } from "../../ops/matmul.ts";
import { reshape } from "../../ops/movement.ts";
import { rmsNorm, softmax } from "../../ops/normalize.ts";
import { dropout, randomSource } from "../../ops/random.ts";
import { logSumExp, mean } from "../../ops/reduce.ts";
import { gelu, silu, tanh } from "../../ops/unary.ts";
import { fixed, given, ids, normal } from "../inputs.ts";
import { type OpCase, opCase } from "../op-case.ts";

const points = [-2.5, -1, -0.25, 0.25, 1, 3];

const activations = [
  opCase("gelu", { x: given([6], points) }, ({ x }) => gelu(x), {
    expected: [[-0.0155241633, -0.158655254, -0.100323419, 0.149676581, 0.841344746, 2.99595031]],
  }),
  opCase("gelu, tanh form", { x: given([6], points) }, ({ x }) => gelu(x, "tanh"), {
    expected: [[-0.0150842661, -0.158808009, -0.100324649, 0.149675351, 0.841191991, 2.99636261]],
  }),
];

const logSumExps = [
  opCase(
    "logSumExp",
    { x: given([2, 3], [1, 2, 4, -1, 0.5, 0.25]) },
    ({ x }) => [logSumExp(x, { axes: 1 }), logSumExp(x, { axes: 0, keepDims: true }), logSumExp(x)],
    { expected: [[4.16984602, 1.19411219]] },
  ),
  opCase("logSumExp, named", { x: normal(["batch", 3]) }, ({ x }) => logSumExp(x, { axes: [0] }), {
    sizes: [{ batch: 2 }, { batch: 1 }],
  }),
  opCase(
    "logSumExp of infinities",
    {
      x: given([3, 2], [Number.NEGATIVE_INFINITY, 2, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 1000, 1000]),
    },
    ({ x }) => logSumExp(x, { axes: 1 }),
    {
      expected: [[2, Number.NEGATIVE_INFINITY, 1000 + Math.LN2]],
      expectedGradients: { x: [0, 1, 0, 0, 0.5, 0.5] },
      noDifferences: "infinite",
    },
  ),
];

const logits = [1, 2, 0.5, -1, 0.3, -0.2, 2, 0, -1, 0, 1, 3, 0.1, 0.2, 0.3, 0.4];
const smoothRows = [0.632681898, 0, 0.410182453, 1.52753553];
const sharpRows = [0.495181898, 0, 0.185182453, 1.54253553];

const losses: readonly [CrossEntropyOptions, readonly number[], readonly number[]][] = [
  [{}, [1, -100, 3, 0], [0.740966627]],
  [{ reduction: "sum" }, [1, -100, 3, 0], [2.22289988]],
  [{ reduction: "none" }, [1, -100, 3, 0], sharpRows],
  [{ labelSmoothing: 0.1 }, [1, -100, 3, 0], [0.85679996]],
  [{ labelSmoothing: 0.1, reduction: "sum" }, [1, -100, 3, 0], [2.57039988]],
  [{ labelSmoothing: 0.1, reduction: "none" }, [1, -100, 3, 0], smoothRows],
  [{ ignoreIndex: 3 }, [1, 2, 3, 0], [0.798189244]],
  [{ ignoreIndex: 3, labelSmoothing: 0.1 }, [1, 2, 3, 0], [0.888189244]],
  [{ reduction: "sum" }, [-100, -100, -100, -100], [0]],
  [{}, [-100, -100, -100, -100], [0]],
];

/** The identity as weight makes the linear form equal to the plain one. */
const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

const crossEntropies = losses.flatMap(([options, targets, wanted]) => [
  opCase(
    `crossEntropy ${JSON.stringify(options)} of ${targets}`,
    { x: given([4, 4], logits), t: given([4], targets, "int64") },
    ({ x, t }) => crossEntropy(x, t, options),
    { expected: [wanted] },
  ),
  opCase(
    `linearCrossEntropy ${JSON.stringify(options)} of ${targets}`,
    { x: given([4, 4], logits), w: given([4, 4], identity), t: given([4], targets, "int64") },
    ({ x, w, t }) => linearCrossEntropy(x, w, t, options),
    { expected: [wanted] },
  ),
  opCase(
    `linearCrossEntropy ${JSON.stringify(options)}, named rows of ${targets}`,
    { x: normal(["rows", 3]), w: normal([5, 3]), t: ids(["rows"], 5, "int32") },
    ({ x, w, t }) => linearCrossEntropy(x, w, t, { ...options, ignoreIndex: 2 }),
    { sizes: [{ rows: 6 }, { rows: 2 }] },
  ),
]);

const moreLosses = [
  opCase(
    "crossEntropy, gradient",
    { x: given([4, 4], logits), t: given([4], [1, -100, 3, 0], "int64") },
    ({ x, t }) => crossEntropy(x, t, { labelSmoothing: 0.1 }),
    {
      expectedGradients: {
        x: [
          0.066402606, -0.105179987, 0.0369963053, 0.00178107619, 0, 0, 0, 0, -0.00326019038, 0.00545689897,
          0.0291524046, -0.0313491132, -0.237053927, 0.0704425941, 0.0787275307, 0.0878838017,
        ],
      },
    },
  ),
  opCase(
    "crossEntropy, an ignored row whose first class is forbidden",
    {
      x: given([2, 3], [Number.NEGATIVE_INFINITY, 0, 0, Number.NEGATIVE_INFINITY, 0, 0]),
      t: given([2], [1, -100], "int64"),
    },
    ({ x, t }) => crossEntropy(x, t),
    {
      expected: [[Math.LN2]],
      expectedGradients: { x: [0, -0.5, 0.5, 0, 0, 0] },
      noDifferences: "infinite",
    },
  ),
  opCase(
    "crossEntropy, large logits",
    { x: given([1, 2], [1e4, -1e4]), t: given([1], [1], "int64") },
    ({ x, t }) => crossEntropy(x, t),
    {
      expected: [[2e4]],
      expectedGradients: { x: [1, -1] },
    },
  ),
  opCase(
    "crossEntropy, named classes",
    { x: normal(["rows", "classes"]), t: ids(["rows"], 2) },
    ({ x, t }) => crossEntropy(x, t),
    {
      sizes: [
        { rows: 2, classes: 3 },
        { rows: 3, classes: 2 },
      ],
    },
  ),
];

const sine = (count: number, step: number) => Array.from({ length: count }, (_, i) => Math.sin(i * step));
const cosine = (count: number, step: number) => Array.from({ length: count }, (_, i) => Math.cos(i * step));
const small = {
  q: given([1, 2, 2, 2], sine(8, 0.3)),
  k: given([1, 1, 3, 2], cosine(6, 0.7)),
  v: given([1, 1, 3, 2], [0, 0.5, 1, 1.5, 2, 2.5]),
};
const heads = (queryHeads: number, keyHeads: number) => ({
  q: normal(["batch", queryHeads, "length", 4]),
  k: normal(["batch", keyHeads, "keys", 4]),
  v: normal(["batch", keyHeads, "keys", 3]),
});
const sizes = [
  { batch: 2, length: 2, keys: 3 },
  { batch: 1, length: 1, keys: 4 },
];

const attentions = [
  opCase("attention, values", small, ({ q, k, v }) => attention(q, k, v), {
    expected: [[0.878763469, 1.37876347, 0.465377853, 0.965377853, 0.305895503, 0.805895503, 0.329619766, 0.829619766]],
  }),
  opCase("attention, causal values", small, ({ q, k, v }) => attention(q, k, v, { bias: causalBias(q, 2, 3) }), {
    expected: [
      [0.434056491, 0.934056491, 0.465377853, 0.965377853, 0.191144546, 0.691144546, 0.329619766, 0.829619766],
    ],
  }),
  opCase(
    "attention, prefix of every length",
    { ...small, p: given([1], [3], "int64") },
    ({ q, k, v, p }) => attention(q, k, v, { bias: prefixBias(p, 2, 3) }),
    // A prefix of all keys is no mask at all.
    {
      expected: [
        [0.878763469, 1.37876347, 0.465377853, 0.965377853, 0.305895503, 0.805895503, 0.329619766, 0.829619766],
      ],
    },
  ),
  ...(
    [
      ["many heads", 2, 2],
      ["groups", 4, 2],
      ["one key head", 2, 1],
    ] as const
  ).flatMap(([name, queryHeads, keyHeads]) => [
    opCase(`attention, ${name}`, heads(queryHeads, keyHeads), ({ q, k, v }) => attention(q, k, v), { sizes }),
    opCase(
      `attention, ${name}, causal`,
      heads(queryHeads, keyHeads),
      ({ q, k, v }) => attention(q, k, v, { bias: causalBias(q, "length", "keys"), scale: 0.7 }),
      { sizes },
    ),
    opCase(
      `attention, ${name}, prefix`,
      { ...heads(queryHeads, keyHeads), p: ids(["batch"], 3) },
      ({ q, k, v, p }) => attention(q, k, v, { bias: prefixBias(p, "length", "keys") }),
      { sizes },
    ),
    opCase(
      `attention, ${name}, learned bias per head`,
      {
        ...heads(queryHeads, keyHeads),
        bias: normal([queryHeads, 1, "keys"]),
      },
      ({ q, k, v, bias }) => attention(q, k, v, { bias }),
      { sizes },
    ),
  ]),
  opCase(
    "attention, full bias",
    {
      q: normal([2, 2, 3, 2]),
      k: normal([2, 1, 3, 2]),
      v: normal([2, 1, 3, 2]),
      bias: normal([2, 2, 3, 3]),
    },
    ({ q, k, v, bias }) => attention(q, k, v, { bias }),
  ),
  opCase(
    "attention, a row without any key",
    { ...small, m: given([2, 3], [0, 0, 0, 1, 0, 0], "bool") },
    ({ q, k, v, m }) => attention(q, k, v, { bias: maskBias(m) }),
    // Everything forbidden: the scores are −1e30 each, so the mean of the values.
    { expected: [[1, 1.5, 0, 0.5, 1, 1.5, 0, 0.5]], noDifferences: "float64 still sees the scores beside 1e30" },
  ),
];

const net = { x: normal(["batch", 3]), w1: normal([4, 3]), w2: normal([2, 4]) };
const layers = [
  opCase(
    "two-layer net",
    net,
    ({ x, w1, w2 }) => matmul(tanh(matmul(x, w1, { transposeB: true })), w2, { transposeB: true }),
    {
      sizes: [{ batch: 2 }, { batch: 1 }],
    },
  ),
  opCase(
    "recompute",
    net,
    ({ x, w1, w2 }) =>
      recompute(
        ([x, w1, w2]) => {
          const hidden = silu(matmul(x!, w1!, { transposeB: true }));
          return [matmul(hidden, w2!, { transposeB: true }), mean(hidden)];
        },
        [x, w1, w2],
      ),
    { sizes: [{ batch: 2 }, { batch: 1 }] },
  ),
  opCase(
    "recompute with dropout",
    { ...net, key: given([2], [7, 8], "int64") },
    ({ x, w1, key }) => {
      const random = randomSource(key);
      const block = (input: typeof x) =>
        recompute(([x, w]) => [dropout(tanh(matmul(x!, w!, { transposeB: true })), 0.5, random)], [input, w1])[0]!;
      return mul(block(x), dropout(block(x), 0.25, random));
    },
    { sizes: [{ batch: 4 }, { batch: 1 }] },
  ),
  opCase(
    "recompute with attention and loss",
    {
      x: normal([1, 2, 3, 4]),
      w: normal([5, 4]),
      t: ids([6], 5),
    },
    ({ x, w, t }) =>
      recompute(
        ([x, w]) => {
          const y = attention(x!, x!, x!, { bias: causalBias(x!, 3) });
          return [linearCrossEntropy(reshape(y, [6, 4]), w!, t)];
        },
        [x, w],
      ),
  ),
  opCase(
    "tied embedding",
    { w: normal([5, 3]), n: normal([3]), i: ids(["batch"], 5) },
    ({ w, n, i }) => {
      const hidden = rmsNorm(gather(w, i), n);
      return crossEntropy(matmul(hidden, w, { transposeB: true }), i);
    },
    { sizes: [{ batch: 4 }, { batch: 1 }] },
  ),
  opCase("softmax of a sum", { a: normal([2, 3]), b: fixed(normal([3])) }, ({ a, b }) => softmax(add(a, b))),
];

export const functionCases: readonly OpCase[] = [
  ...activations,
  ...logSumExps,
  ...crossEntropies,
  ...moreLosses,
  ...attentions,
  ...layers,
];
