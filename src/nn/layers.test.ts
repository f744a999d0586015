/** Small layers against numbers that PyTorch 1.13 gave in float64 for the same sine-wave inputs and weights. */
import { describe, expect, test } from "vitest";
import { hostTensor, randomSource, type Tensor, toNumbers } from "../engine/index.ts";
import { createRandom } from "../support/random.ts";
import { type ActivationName, activations } from "./activation.ts";
import { dropoutLayer } from "./dropout.ts";
import { type Embedding, embedding, initEmbedding, tiedLogits } from "./embedding.ts";
import { denseWeight, initLinear, type Linear, linear } from "./linear.ts";
import { type GatedMlp, gatedMlp, initGatedMlp, initMlp, type Mlp, mlp } from "./mlp.ts";
import { type LayerNorm, layerNormLayer, type RmsNorm, rmsNormLayer } from "./norm.ts";
import { relativeError, runTraced, wave, waves } from "./run-traced.fixture.ts";

const random = createRandom(1);
const x = wave([1, 2, 3]);

describe("plain feed-forward layer with biases", () => {
  const cases: [ActivationName, number[]][] = [
    ["gelu", [0.37531, -0.283802, -0.907881, 0.052345, -0.048049, -0.893112]],
    ["gelu_tanh", [0.375329, -0.28385, -0.907837, 0.052349, -0.048145, -0.892991]],
    ["relu", [0.30926, -0.150245, -1.016428, -0.005106, 0.088556, -1.014244]],
    ["silu", [0.39858, -0.332071, -0.868049, 0.065084, -0.124537, -0.80586]],
  ];
  test.each(cases)("%s", async (activation, expected) => {
    const parameters = waves(initMlp({ hidden: 3, feedForward: 4, bias: true }, random));
    const { y } = await runTraced(parameters, { x }, (p: Mlp<Tensor>, given) => ({
      y: mlp(p, given.x, { activation }),
    }));
    expect(relativeError(y, expected)).toBeLessThan(2e-6);
  });
});

describe("gated feed-forward layer", () => {
  const cases: [ActivationName, number[]][] = [
    ["gelu", [-0.0532, 0.181605, -0.18421, -0.14423, 0.188243, -0.101858]],
    ["relu", [-0.010006, 0.168955, -0.210866, -0.180926, 0.19806, -0.077995]],
    ["silu", [-0.069388, 0.186898, -0.174941, -0.13022, 0.184359, -0.11079]],
    ["sigmoid", [0.079709, 0.056937, -0.154142, -0.158087, 0.113668, 0.009491]],
    ["tanh", [-0.176064, 0.337542, -0.265201, -0.178965, 0.301151, -0.214726]],
  ];
  test.each(cases)("%s", async (activation, expected) => {
    const parameters = waves(initGatedMlp({ hidden: 3, feedForward: 4 }, random));
    const build = (p: GatedMlp<Tensor>, given: { readonly x: Tensor }) => ({
      y: gatedMlp(p, given.x, { activation }),
    });
    const { y } = await runTraced(parameters, { x }, build);
    expect(relativeError(y, expected)).toBeLessThan(5e-6);
  });
});

test("quick_gelu and relu2 by their formulas", async () => {
  const { quick, squared } = await runTraced({}, { x }, (_: object, given) => ({
    quick: activations.quick_gelu(given.x),
    squared: activations.relu2(given.x),
  }));
  toNumbers(x).forEach((value, i) => {
    expect(quick[i]).toBeCloseTo(value / (1 + Math.exp(-1.702 * value)), 6);
    expect(squared[i]).toBeCloseTo(value > 0 ? value * value : 0, 6);
  });
});

test("norms pass their ε on", async () => {
  const parameters = { layer: { weight: wave([3], 1), bias: wave([3], 2) }, rms: { weight: wave([3], 1) } };
  const build = (p: { layer: LayerNorm<Tensor>; rms: RmsNorm<Tensor> }, given: { readonly x: Tensor }) => ({
    layer: layerNormLayer(p.layer, given.x, { epsilon: 1e-3 }),
    rms: rmsNormLayer(p.rms, given.x, { epsilon: 1e-3 }),
  });
  const { layer, rms } = await runTraced(parameters, { x }, build);
  expect(relativeError(layer, [-0.274597, 0.706437, -0.645991, 2.078903, -0.299032, -0.884643])).toBeLessThan(2e-6);
  expect(relativeError(rms, [0, 1.068667, 0.179222, 0.167091, -0.968309, -0.190414])).toBeLessThan(2e-6);
});

test("linear adds its bias; a fresh bias is zero and a fresh weight within ±1/√in", async () => {
  const fresh = initLinear({ input: 4, output: 100, bias: true }, random);
  expect(toNumbers(fresh.bias!).every((value) => value === 0)).toBe(true);
  expect(Math.max(...toNumbers(fresh.weight).map(Math.abs))).toBeLessThanOrEqual(0.5);
  expect(Math.max(...toNumbers(fresh.weight))).toBeGreaterThan(0.45);
  const parameters = {
    weight: hostTensor("float32", [2, 3], [1, 2, 3, 4, 5, 6]),
    bias: hostTensor("float32", [2], [10, 20]),
  };
  const one = { x: hostTensor("float32", [1, 1, 3], [1, 0, -1]) };
  const { y } = await runTraced(parameters, one, (p: Linear<Tensor>, given) => ({ y: linear(p, given.x) }));
  expect(y).toEqual([8, 18]);
});

test("linear adds a low-rank correction", async () => {
  const lowRank = {
    a: hostTensor("float32", [1, 3], [1, 1, 2]),
    b: hostTensor("float32", [2, 1], [3, -1]),
    scale: hostTensor("float32", [], [0.5]),
  };
  const weight = hostTensor("float32", [2, 3], [1, 2, 3, 4, 5, 6]);
  const one = { x: hostTensor("float32", [1, 1, 3], [1, 0, -1]) };
  const build = (p: Linear<Tensor>, given: { readonly x: Tensor }) => ({ y: linear(p, given.x) });
  // x·Aᵀ = −1, halved and spread: (−1.5, 0.5) on top of (−2, −2).
  expect((await runTraced({ weight, lowRank }, one, build)).y).toEqual([-3.5, -1.5]);
  expect(() => denseWeight({ weight, lowRank })).toThrow(/low-rank correction/);
});

test("embedding takes rows, and tied logits are products with all rows", async () => {
  const parameters = { weight: hostTensor("float32", [3, 2], [1, 2, 3, 4, 5, 6]) };
  const ids = hostTensor("int64", [1, 2], [2, 0]);
  const { rows, logits } = await runTraced(parameters, { ids }, (p: Embedding<Tensor>, given) => {
    const found = embedding(p, given.ids);
    return { rows: found, logits: tiedLogits(p, found) };
  });
  expect(rows).toEqual([5, 6, 1, 2]);
  expect(logits).toEqual([17, 39, 61, 5, 11, 17]);
  expect(initEmbedding({ vocabulary: 7, hidden: 2 }, random).weight.shape).toEqual([7, 2]);
});

describe("dropout", () => {
  const key = hostTensor("int64", [2], [1, 2]);
  const many = hostTensor("float32", [1000], new Float32Array(1000).fill(1));

  test("is the identity without options, and scales what it keeps", async () => {
    const { kept, dropped } = await runTraced({}, { many, key }, (_: object, given) => ({
      kept: dropoutLayer(given.many),
      dropped: dropoutLayer(given.many, { rate: 0.2, random: randomSource(given.key) }),
    }));
    expect(kept).toEqual(toNumbers(many));
    expect(new Set(dropped)).toEqual(new Set([0, Math.fround(1.25)]));
    const share = dropped.filter((value) => value === 0).length / 1000;
    expect(Math.abs(share - 0.2)).toBeLessThan(5 * Math.sqrt((0.2 * 0.8) / 1000));
  });
});
