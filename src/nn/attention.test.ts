/** Attention layers against numbers that PyTorch 1.13 gave in float64 for the same sine-wave inputs and weights. */
import { describe, expect, test } from "vitest";
import { causalBias, concat, type HostTensor, hostTensor, prefixBias, slice, type Tensor } from "../engine/index.ts";
import { createRandom } from "../support/random.ts";
import {
  type Attention,
  type AttentionInputs,
  attentionLayer,
  initAttention,
  projectKeysAndValues,
} from "./attention.ts";
import { denseWeight } from "./linear.ts";
import { rotaryConstants, rotaryFrequencies, rotaryTables } from "./rotary-tables.ts";
import { relativeError, runTraced, wave, waves } from "./run-traced.fixture.ts";

const random = createRandom(1);
const x = wave([1, 3, 6]);
const heads = 4;
const shape = { hidden: 6, heads, keyValueHeads: 2, headSize: 4, inputBias: true, outputBias: true };
const tables = (like: Tensor, size: number) =>
  rotaryConstants(like, rotaryTables(3, rotaryFrequencies({ size, base: 100 })));

/** Waves in the order query, key, value, output, norms, weight before bias: as the PyTorch program drew them. */
const grouped = waves(initAttention({ ...shape, queryKeyNorm: true }, random));
const { queryNorm: _q, keyNorm: _k, ...plain } = grouped;

const attend = async (parameters: Attention<HostTensor>, options: (x: Tensor) => AttentionInputs) => {
  const build = (p: Attention<Tensor>, given: { readonly x: Tensor }) => ({
    y: attentionLayer(p, given.x, options(given.x)),
  });
  return (await runTraced(parameters, { x }, build)).y;
};

describe("grouped queries with biases", () => {
  // Row 0 sees one key only, so it is the same in both causal cases.
  const row0 = [-0.63783, 1.697625, -1.131642, 1.087169, -1.765556, 0.796487];

  test("query and key norms, half the channels rotated in neighbouring pairs, causal", async () => {
    const y = await attend(grouped, (like) => ({
      heads,
      rotary: tables(like, 2),
      interleaved: true,
      bias: causalBias(like, 3),
    }));
    const later = [
      -0.748525, 1.751322, -1.123794, 1.01844, -1.641766, 0.628119, -0.823724, 1.763785, -1.072466, 0.907667, -1.480929,
      0.430837,
    ];
    expect(relativeError(y, [...row0, ...later])).toBeLessThan(3e-6);
  });

  const row1 = [-0.822683, 1.857908, -1.253782, 1.160823, -1.784487, 0.759092];
  const row2 = [-0.834068, 1.85239, -1.23183, 1.124294, -1.736475, 0.703663];

  test("all channels rotated half-split, causal", async () => {
    const y = await attend(plain, (like) => ({ heads, rotary: tables(like, 4), bias: causalBias(like, 3) }));
    expect(relativeError(y, [...row0, ...row1, ...row2])).toBeLessThan(3e-6);
  });

  test("a prefix of two keys is seen by everybody", async () => {
    const seen = [-0.828101, 1.820559, -1.176829, 1.050782, -1.650677, 0.612843];
    const prefix = hostTensor("int64", [1], [2]);
    const build = (p: Attention<Tensor>, given: { readonly x: Tensor; readonly prefix: Tensor }) => ({
      y: attentionLayer(p, given.x, { heads, rotary: tables(given.x, 4), bias: prefixBias(given.prefix, 3) }),
    });
    const { y } = await runTraced(plain, { x, prefix }, build);
    expect(relativeError(y, [...seen, ...row1, ...row2])).toBeLessThan(3e-6);
  });
});

test("cross-attention reads keys and values from a source of another width and length", async () => {
  const parameters = waves(initAttention({ hidden: 6, heads: 2, sourceHidden: 5 }, random));
  const source = wave([1, 4, 5], 3);
  const build = (p: Attention<Tensor>, given: { readonly x: Tensor; readonly source: Tensor }) => ({
    y: attentionLayer(p, given.x, { heads: 2, source: given.source }),
  });
  const { y } = await runTraced(parameters, { x, source }, build);
  // torch.nn.functional.multi_head_attention_forward
  const expected = [
    -0.142813, -0.081785, -0.014241, 0.054437, 0.118778, 0.173658, -0.043343, 0.014533, 0.071252, 0.122295, 0.163596,
    0.191866, 0.04047, 0.100555, 0.152629, 0.192546, 0.217124, 0.224406,
  ];
  expect(relativeError(y, expected)).toBeLessThan(5e-6);
});

test("one key/value head serves all queries like equal heads do", async () => {
  const multiQuery = waves(initAttention({ hidden: 4, heads: 2, keyValueHeads: 1 }, random));
  const x = wave([2, 3, 4]);
  const build = (p: Attention<Tensor>, given: { readonly x: Tensor }) => {
    const twice = (weight: Tensor) => ({ weight: concat([weight, weight], 0) });
    const repeated = { ...p, key: twice(denseWeight(p.key)), value: twice(denseWeight(p.value)) };
    return { one: attentionLayer(p, given.x, { heads: 2 }), two: attentionLayer(repeated, given.x, { heads: 2 }) };
  };
  const { one, two } = await runTraced(multiQuery, { x }, build);
  expect(relativeError(one, two)).toBeLessThan(1e-6);
});

test("a learned prefix acts like keys and values of earlier tokens", async () => {
  const parameters = waves(initAttention({ hidden: 4, heads: 2, inputBias: true }, random));
  const inputs = { late: wave([2, 3, 4]), early: wave([2, 2, 4], 7) };
  const build = (p: Attention<Tensor>, { late, early }: Record<keyof typeof inputs, Tensor>) => {
    const prefix = projectKeysAndValues(p, early, { heads: 2 });
    const together = attentionLayer(p, concat([early, late], 1), { heads: 2 });
    return { prefixed: attentionLayer(p, late, { heads: 2, prefix }), rows: slice(together, 1, 2) };
  };
  const { prefixed, rows } = await runTraced(parameters, inputs, build);
  expect(relativeError(prefixed, rows)).toBeLessThan(1e-6);
});

test("errors name what was passed", async () => {
  expect(() => initAttention({ hidden: 6, heads: 4 }, random)).toThrow("hidden (6) must be a multiple of heads (4)");
  expect(() => initAttention({ hidden: 8, heads: 4, keyValueHeads: 3 }, random)).toThrow("keyValueHeads (3)");
  await expect(attend(plain, () => ({ heads: 3 }))).rejects.toThrow("does not split into 3 heads");
  const crossed = attend(plain, (like) => ({ heads, source: concat([like, like], 1), rotary: tables(like, 4) }));
  await expect(crossed).rejects.toThrow("both a source and rotary tables");
});
