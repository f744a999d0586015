import { describe, expect, test } from "vitest";
import { flattenTree, type HostTensor, hostTensor, type Tree } from "../engine/index.ts";
import { bitsOf, type LoadedLeaf, quantizeLeaf, spreadQuantized } from "./quantize-parameters.ts";

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
  const quantize = quantizeLeaf("int4");
  const tree = {
    layers: [{ q_proj: { weight: quantize("layers.0.q_proj.weight", weight), bias } }],
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
