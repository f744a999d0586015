/** Shapes large enough for the vectorised and threaded kernels of a backend, which small cases do not reach. */
import { describe, test } from "vitest";
import * as engine from "../../src/engine/index.ts";
import { testedBackends } from "../../src/engine/testing/backends.ts";
import { checkGradients } from "../../src/engine/testing/check-gradients.ts";
import { between, fixed, given, ids, normal } from "../../src/engine/testing/inputs.ts";
import { type OpCase, type OpCaseOptions, opCase } from "../../src/engine/testing/op-case.ts";

const large = (relative = 1e-5): OpCaseOptions => ({
  noDifferences: "large: the small cases judge the derivatives",
  tolerance: { relative, reason: "long sums in another order" },
});
const booleans = [false, true] as const;

const cases: OpCase[] = [
  ...booleans.flatMap((transposeA) =>
    booleans.map((transposeB) =>
      opCase(
        `matmul 67×129×95, transposeA ${transposeA}, transposeB ${transposeB}`,
        { a: normal(transposeA ? [129, 67] : [67, 129]), b: normal(transposeB ? [95, 129] : [129, 95]) },
        ({ a, b }) => engine.matmul(a, b, { transposeA, transposeB, scale: 0.1 }),
        large(),
      ),
    ),
  ),
  opCase(
    "batched matmul",
    { a: normal([3, 5, 33, 40]), b: normal([5, 40, 17]) },
    ({ a, b }) => engine.matmul(a, b),
    large(),
  ),
  opCase(
    "elementwise",
    { x: normal([37, 301]) },
    ({ x }) => [
      engine.gelu(x),
      engine.gelu(x, "tanh"),
      engine.silu(x),
      engine.softplus(x),
      engine.exp(x),
      engine.sin(engine.mul(x, 10)),
      engine.cos(engine.mul(x, 10)),
    ],
    large(2e-5),
  ),
  opCase(
    "broadcasting",
    { a: normal([64, 1, 33]), b: normal([17, 1]), c: normal([33]) },
    ({ a, b, c }) => engine.mul(engine.add(a, b), engine.sub(c, a)),
    large(),
  ),
  opCase(
    "reductions",
    { x: normal([50, 61, 7]) },
    ({ x }) => [
      engine.sum(x),
      engine.mean(x, { axes: 1 }),
      engine.max(x, { axes: [0, 2] }),
      engine.logSumExp(x, { axes: -1 }),
      engine.sum(x, { axes: [0, 1] }),
      engine.cumsum(x, 1),
    ],
    large(2e-5),
  ),
  opCase(
    "softmax",
    { x: between(-20, 20, [64, 1003]) },
    ({ x }) => [engine.softmax(x), engine.logSoftmax(x), engine.softmax(x, 0)],
    large(2e-5),
  ),
  opCase(
    "norms",
    { x: normal([129, 96]), w: normal([96]), b: normal([96]) },
    ({ x, w, b }) => [engine.rmsNorm(x, w), engine.layerNorm(x, w, b)],
    large(2e-5),
  ),
  opCase(
    "norms of rows far from 0",
    { x: between(99, 101, [40, 64]), w: normal([64]), b: normal([64]) },
    ({ x, w, b }) => engine.layerNorm(x, w, b),
    large(1e-3),
  ),
  opCase(
    "attention",
    { q: normal([2, 8, 65, 16]), k: normal([2, 2, 65, 16]), v: normal([2, 2, 65, 16]) },
    ({ q, k, v }) => engine.attention(q, k, v, { bias: engine.causalBias(q, 65) }),
    large(),
  ),
  opCase(
    "losses",
    { x: normal([129, 24]), w: normal([503, 24]), t: ids([129], 503) },
    ({ x, w, t }) => [
      engine.linearCrossEntropy(x, w, t, { ignoreIndex: 7, labelSmoothing: 0.1 }),
      engine.crossEntropy(engine.matmul(x, w, { transposeB: true }), t),
    ],
    large(2e-5),
  ),
  opCase(
    "embedding with few ids",
    { w: normal([11, 32]), i: ids([16, 257], 3) },
    ({ w, i }) => engine.gather(w, i),
    large(1e-4),
  ),
  opCase(
    "rotary",
    { x: normal([2, 65, 4, 32]), c: fixed(between(-1, 1, [65, 8])), s: fixed(between(-1, 1, [65, 8])) },
    ({ x, c, s }) => [engine.rotary(x, c, s), engine.rotary(x, c, s, { interleaved: true })],
    large(),
  ),
  opCase(
    "random numbers",
    { key: given([2], [123_456_789, 987_654_321], "int64") },
    ({ key }) => [engine.randomUniform(key, [10_007], 1), engine.randomNormal(key, [10_001], 2)],
    large(),
  ),
  opCase("top k", { x: normal([17, 301]) }, ({ x }) => engine.topK(x, 50).values, large()),
  opCase(
    "scan of 100 steps",
    { x: normal([100, 8, 16]), h: normal([8, 16]), w: between(-0.3, 0.3, [16, 16]) },
    ({ x, h, w }) =>
      engine.scan(
        (_, [state], [row], [weight]) => {
          const next = engine.tanh(engine.add(row!, engine.matmul(state!, weight!)));
          return { carries: [next], results: [next] };
        },
        { carries: [h], sequences: [x], captured: [w] },
      ).results,
    large(1e-4),
  ),
];

describe.each(await testedBackends())("$name", ({ backend, missing }) => {
  describe.skipIf(backend === undefined)(missing ?? "large shapes", () => {
    test.each(cases.map((given) => [given.name, given] as const))("%s", (_, given) => checkGradients(backend!, given));
  });
});
