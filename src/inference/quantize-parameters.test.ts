import { describe, expect, test } from "vitest";
import { onnxruntimeBackend } from "../engine/backends/onnxruntime/index.ts";
import { flattenTree, type HostTensor, hostTensor, type Tree } from "../engine/index.ts";
import { convertFloat } from "../models/index.ts";
import { quantizeLinear } from "../nn/index.ts";
import { createRandom } from "../support/random.ts";
import { bitsOf, type LoadedLeaf, type QuantizedLeaf, quantizeRows, spreadQuantized } from "./quantize-parameters.ts";

describe("which weights are quantised", () => {
  test.each([
    ["model.layers.0.self_attn.q_proj.weight", [64, 64], 4],
    ["model.layers.0.mlp.gate_up_proj.weight", [64, 64], 4],
    ["model.layers.0.mlp.shared_experts.up_proj.weight", [64, 64], 4],
    ["transformer.layers.0.attention.query_key_value.weight", [64, 64], 4],
    ["transformer.layers.0.mlp.dense_4h_to_h.weight", [64, 64], 4],
    ["lm_head.weight", [64, 64], 8],
    ["model.embed_tokens.weight", [64, 64], 8],
    ["model.layers.0.mlp.gate.weight", [4, 64], undefined],
    ["model.layers.0.mlp.experts.3.up_proj.weight", [64, 64], undefined],
    ["model.layers.0.input_layernorm.weight", [64], undefined],
    ["model.layers.0.self_attn.q_proj.bias", [64], undefined],
    ["model.layers.0.mlp.down_proj.weight", [64, 40], undefined], // does not split into blocks of 32
  ] as const)("%s %j", (path, shape, bits) => {
    expect(bitsOf(path, shape, "int4")).toBe(bits);
    expect(bitsOf(path, shape, "int8")).toBe(bits === undefined ? undefined : 8);
    expect(bitsOf(path, shape, "float32")).toBeUndefined();
  });
});

test("codes and scales take the weight's place beside its bias", () => {
  const weight = hostTensor(
    "float32",
    [2, 32],
    Array.from({ length: 64 }, (_, i) => Math.sin(i)),
  );
  const bias = hostTensor("float32", [2], [1, 2]);
  const sink = quantizeRows("int4", {})("layers.0.q_proj.weight", [2, 32])!;
  sink.write(0, weight);
  const tree = {
    layers: [{ q_proj: { weight: sink.finish(), bias } }],
    norm: { weight: bias },
  } as Tree<LoadedLeaf>;
  const leaves = flattenTree<HostTensor>(spreadQuantized(tree));
  expect(leaves.map(([path, { shape }]) => [path, shape])).toEqual([
    ["layers.0.q_proj.codes", [2, 1, 16]],
    ["layers.0.q_proj.scales", [2, 1]],
    ["layers.0.q_proj.bias", [2]],
    ["norm.weight", [2]],
  ]);
});

/** Normal numbers, a block of zeros, one with a tiny scale, and coarse ones: ties of magnitude and of rounding. */
function trickyWeight(rows: number, columns: number): HostTensor {
  const random = createRandom(rows);
  const data = random.normalArray(rows * columns, 0, 0.02);
  data.fill(0, 0, 32);
  for (let i = 32; i < 64; i++) data[i]! *= 1e-3; // its scale is subnormal in half precision
  for (let i = 64; i < data.length / 2; i++) data[i] = (random.integer(255) - 127) / 2;
  for (let i = 64; i < data.length / 4; i += 32) data[i + random.integer(32)] = random.integer(2) * 127 - 63.5;
  data[96] = -0;
  return { dtype: "float32", shape: [rows, columns], data };
}

const paths = {
  "four bits": ["model.layers.0.mlp.down_proj.weight", 4],
  "eight bits": ["lm_head.weight", 8],
  "looked-up rows": ["model.embed_tokens.weight", 8],
} as const;

test.each(
  Object.keys(paths).flatMap((name) =>
    (["float32", "float16", "bfloat16"] as const).map((dtype) => [name as keyof typeof paths, dtype] as const),
  ),
)(
  "%s from %s in pieces are what quantizeLinear makes of the whole, with a backend's own order or without",
  (name, dtype) => {
    const [rows, columns] = [50, 160];
    const [path, bits] = paths[name];
    const weight = convertFloat(trickyWeight(rows, columns), dtype, "weight");
    const whole = quantizeLinear({ weight: convertFloat(weight, "float32", "weight") }, bits);
    for (const backend of [{}, onnxruntimeBackend()]) {
      const sink = quantizeRows("int4", backend)(path, [rows, columns])!;
      for (const [from, to] of [
        [0, 16],
        [16, 45],
        [45, 50],
      ] as const) {
        const data = weight.data.slice(from * columns, to * columns) as Float32Array;
        sink.write(from, { dtype, shape: [to - from, columns], data });
      }
      const { codes, scales } = (sink.finish() as QuantizedLeaf).quantized;
      expect(codes.shape).toEqual(whole.codes.shape);
      expect(codes.data).toEqual(whole.codes.data);
      expect(scales.shape).toEqual(whole.scales.shape);
      expect(scales.data).toEqual(whole.scales.data);
    }
  },
);
