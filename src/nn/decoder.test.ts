/** The decoder against a plain PyTorch 1.13 program in float64 on sine-wave weights; a trained model: test/nn. */
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../engine/backends/reference/index.ts";
import {
  type Dim,
  flattenTree,
  type HostTensor,
  hostTensor,
  mapTree,
  randomSource,
  specOf,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../engine/index.ts";
import { createRandom } from "../support/random.ts";
import { type Decoder, type DecoderOptions, decoderLogits, decoderLoss, hiddenLogits, initDecoder } from "./decoder.ts";
import { decoderCacheSpec, decoderStep, emptyDecoderCache } from "./decoder-cache.ts";
import { denseWeight } from "./linear.ts";
import { relativeError, runTraced, waves } from "./run-traced.fixture.ts";

const config = { vocabulary: 7, hidden: 8, layers: 2, heads: 2, keyValueHeads: 1, feedForward: 6 };
const parameters = waves(initDecoder(config, createRandom(1)));
const tokens = hostTensor("int64", [2, 4], [1, 4, 2, 6, 0, 3, 3, 5]);
const targets = hostTensor("int64", [2, 4], [4, 2, 6, -100, 3, 3, 5, 1]);

const loss = (options: Partial<DecoderOptions> = {}) =>
  runTraced(parameters, { tokens, targets }, (p: Decoder<Tensor>, given) => ({
    loss: decoderLoss(p, given.tokens, given.targets, { ...config, ...options }),
  }));

const logits = () =>
  runTraced(parameters, { tokens }, (p: Decoder<Tensor>, given) => ({ y: decoderLogits(p, given.tokens, config) }));

describe("equal to PyTorch", () => {
  test("loss with an ignored target, and gradients", async () => {
    const found: Record<string, number[]> = await loss();
    expect(found.loss![0]).toBeCloseTo(1.94436, 5);
    const row = (name: string, at: number) => found[`gradient.${name}`]!.slice(8 * at, 8 * at + 8);
    const expected: [string, number, number[]][] = [
      [
        "embedding.weight",
        3,
        [0.00210018, -0.0536998, -0.14561, -0.0240789, -0.0371678, -0.144472, -0.029251, -0.0198544],
      ],
      [
        "layers.0.attention.query.weight",
        0,
        [-0.000300641, -3.19111e-5, 4.50677e-5, -0.000287731, -8.77236e-5, 7.86102e-5, -0.000259836, -0.000144483],
      ],
      [
        "layers.1.attention.key.weight",
        1,
        [-0.000104367, -0.000199235, 6.30198e-6, -8.66215e-5, -0.000169604, 6.46867e-6, -4.34507e-5, -0.000170954],
      ],
      ["norm.weight", 0, [-0.0870189, -0.0105768, -0.0557332, -0.166743, -0.0113639, -0.0490029, -0.142355, 0.0158576]],
    ];
    for (const [name, at, values] of expected) expect(relativeError(row(name, at), values), name).toBeLessThan(1e-4);
  });

  test("logits of the last position", async () => {
    const { y } = await logits();
    const last = [...y.slice(21, 28), ...y.slice(49, 56)];
    const expected = [
      -0.200812, -0.124296, 0.236982, 0.0553337, -0.253084, 0.0183139, 0.247755, 0.0378644, 0.0262299, -0.0454973,
      -0.0129902, 0.0492774, -0.00134952, -0.0488848,
    ];
    expect(relativeError(last, expected)).toBeLessThan(3e-6);
  });
});

describe("computing blocks again in the backward pass", () => {
  test("changes neither loss nor gradients", async () => {
    const plain: Record<string, number[]> = await loss();
    const again: Record<string, number[]> = await loss({ recompute: true });
    expect(Object.keys(again)).toEqual(Object.keys(plain));
    for (const name of Object.keys(plain)) expect(relativeError(again[name]!, plain[name]!), name).toBeLessThan(1e-6);
  });

  test("drops the same elements both times", async () => {
    const key = hostTensor("int64", [2], [5, 6]);
    const run = (recompute: boolean): Promise<Record<string, number[]>> =>
      runTraced(parameters, { tokens, targets, key }, (p: Decoder<Tensor>, given) => {
        const dropout = { rate: 0.25, random: randomSource(given.key) };
        return { loss: decoderLoss(p, given.tokens, given.targets, { ...config, dropout, recompute }) };
      });
    const [plain, again, without] = [await run(false), await run(true), await loss()];
    for (const name of Object.keys(plain)) expect(relativeError(again[name]!, plain[name]!), name).toBeLessThan(1e-6);
    expect(plain.loss![0]).not.toBeCloseTo(without.loss![0]!, 3);
  });
});

test("a length known only at run time gives the same logits", async () => {
  const graph = trace((builder) => {
    const p = builder.state("model", mapTree(parameters, specOf)) as Decoder<Tensor>;
    builder.output("y", decoderLogits(p, builder.input("tokens", "int64", ["batch", "length"]), config));
  });
  const program = await referenceBackend().compile(graph);
  for (const [path, leaf] of flattenTree<HostTensor>(parameters)) program.writeState(`model.${path}`, leaf);
  expect(relativeError(toNumbers((await program.run({ tokens })).y!), (await logits()).y)).toBeLessThan(1e-6);
});

test("steps with a cache give the logits of the whole sequence", async () => {
  const sizes = { batch: 2, capacity: 6 };
  const compile = async (T: Dim) => {
    const graph = trace((builder) => {
      const p = builder.state("model", mapTree(parameters, specOf)) as Decoder<Tensor>;
      const cache = builder.state("cache", decoderCacheSpec(config, sizes) as TreeOf<TensorSpec>);
      const ids = builder.input("tokens", "int64", [2, T]);
      const hidden = decoderStep(p, ids, cache, builder.input("start", "int64", [1]), config);
      builder.output("y", hiddenLogits(p, hidden));
    });
    const program = await referenceBackend().compile(graph);
    for (const [path, leaf] of flattenTree<HostTensor>(parameters)) program.writeState(`model.${path}`, leaf);
    return program;
  };
  const [prompt, step] = [await compile("length"), await compile(1)];
  const empty = flattenTree<HostTensor>(emptyDecoderCache(config, sizes), "cache");
  for (const [name, leaf] of empty) prompt.writeState(name, leaf);
  const ids = (at: readonly number[]) =>
    hostTensor(
      "int64",
      [2, at.length / 2],
      at.map((i) => toNumbers(tokens)[i]!),
    );
  const start = (at: number) => hostTensor("int64", [1], [at]);
  const { y } = await logits();
  const rows = (from: number, to: number) => [...y.slice(7 * from, 7 * to), ...y.slice(7 * (4 + from), 7 * (4 + to))];
  const first = await prompt.run({ tokens: ids([0, 1, 4, 5]), start: start(0) });
  expect(relativeError(toNumbers(first.y!), rows(0, 2))).toBeLessThan(2e-6);
  for (const [name] of empty) step.writeState(name, prompt.readState(name));
  for (const at of [2, 3]) {
    const next = await step.run({ tokens: ids([at, 4 + at]), start: start(at) });
    expect(relativeError(toNumbers(next.y!), rows(at, at + 1))).toBeLessThan(2e-6);
  }
});

type TreeOf<Leaf> = readonly { readonly key: Leaf; readonly value: Leaf }[];

test("fresh weights are N(0, 0.02²), into the residual stream 0.02/√(2·layers), and the first loss is about ln V", async () => {
  const wide = { vocabulary: 50, hidden: 64, layers: 8, heads: 4, feedForward: 100 };
  const fresh = initDecoder(wide, createRandom(9));
  const deviation = (leaves: HostTensor[]) => {
    const values = leaves.flatMap(toNumbers);
    return Math.sqrt(values.reduce((total, value) => total + value * value, 0) / values.length);
  };
  expect(deviation(fresh.layers.map((layer) => denseWeight(layer.attention.query)))).toBeCloseTo(0.02, 3);
  expect(deviation(fresh.layers.map((layer) => denseWeight(layer.attention.output)))).toBeCloseTo(0.005, 3.5);
  expect(deviation(fresh.layers.map((layer) => denseWeight(layer.mlp.down)))).toBeCloseTo(0.005, 3.5);
  expect(deviation([fresh.embedding.weight])).toBeCloseTo(0.02, 3);
  const found = await runTraced(fresh, { tokens, targets }, (p: Decoder<Tensor>, given) => ({
    y: decoderLoss(p, given.tokens, given.targets, wide),
  }));
  expect(Math.abs(found.y[0]! - Math.log(50))).toBeLessThan(0.15);
});

test("scopes name the layer and the half, for profiles", () => {
  const graph = trace((builder) => {
    const p = builder.state("model", mapTree(parameters, specOf)) as Decoder<Tensor>;
    builder.output("y", decoderLogits(p, builder.input("tokens", "int64", [1, 4]), config));
  });
  const scopes = new Set(graph.nodes.map((node) => node.scope));
  for (const scope of ["positions", "embedding", "layers.1/attention", "layers.0/mlp", "norm", "output"]) {
    expect(scopes).toContain(scope);
  }
});

test("sizes that do not fit are refused", () => {
  expect(() => initDecoder({ ...config, heads: 3 }, createRandom(0))).toThrow(
    "hidden (8) must be a multiple of heads (3)",
  );
  expect(() => initDecoder({ ...config, heads: 8 }, createRandom(0))).toThrow("2 · heads (16)");
});
