/**
 * Single blocks against Hugging Face models with random weights: hidden.i goes in, hidden.i+1 must come out.
 * glm-tiny has biases and rotates half the channels in neighbouring pairs, qwen3-tiny norms queries and keys,
 * glm4-moe-tiny has both a half-split partial rotation and a mixture of experts with a shared one.
 */
import { expect, test } from "vitest";
import { add, causalBias, type HostTensor, hostTensor, type Tensor, toNumbers } from "../../src/engine/index.ts";
import {
  type Attention,
  attentionLayer,
  type GatedMlp,
  gatedMlp,
  type Mixture,
  mixture,
  type RmsNorm,
  rmsNormLayer,
  rotaryConstants,
  rotaryFrequencies,
  rotaryTables,
} from "../../src/nn/index.ts";
import { relativeError, runTraced } from "../../src/nn/run-traced.fixture.ts";
import { describeBackends } from "./backends.fixture.ts";
import { hasGolden, readGolden } from "./golden-files.fixture.ts";

interface Case {
  readonly folder: string;
  readonly layer: number;
  readonly epsilon: number;
  /** Rotating channels. */
  readonly rotating: number;
  readonly interleaved?: boolean;
  readonly experts?: number;
}

const cases: Case[] = [
  { folder: "qwen3-tiny", layer: 0, epsilon: 1e-6, rotating: 24 },
  { folder: "glm-tiny", layer: 0, epsilon: 1.5625e-7, rotating: 8, interleaved: true },
  { folder: "glm-tiny", layer: 1, epsilon: 1.5625e-7, rotating: 8, interleaved: true },
  { folder: "glm4-moe-tiny", layer: 0, epsilon: 1e-5, rotating: 8 },
  { folder: "glm4-moe-tiny", layer: 1, epsilon: 1e-5, rotating: 8, experts: 8 },
];

type Layer<Leaf> = {
  readonly attentionNorm: RmsNorm<Leaf>;
  readonly attention: Attention<Leaf>;
  readonly mlpNorm: RmsNorm<Leaf>;
  readonly mlp: GatedMlp<Leaf> | Mixture<Leaf>;
};

function layerOf(weights: Record<string, HostTensor>, { layer, experts }: Case): Layer<HostTensor> {
  const take = (name: string) => weights[`model.layers.${layer}.${name}`];
  const optional = (key: string, tensor: HostTensor | undefined) => (tensor === undefined ? {} : { [key]: tensor });
  const linear = (name: string) => ({ weight: take(`${name}.weight`)!, ...optional("bias", take(`${name}.bias`)) });
  const norm = (name: string) => ({ weight: take(`${name}.weight`)! });
  const hasNorms = take("self_attn.q_norm.weight") !== undefined;
  const gated = (at: string): GatedMlp<HostTensor> => {
    const fused = take(`${at}.gate_up_proj.weight`);
    const down = linear(`${at}.down_proj`);
    if (fused === undefined) return { gate: linear(`${at}.gate_proj`), up: linear(`${at}.up_proj`), down };
    const [rows, columns] = [fused.shape[0]! / 2, fused.shape[1]!];
    const half = (i: number) =>
      hostTensor(
        "float32",
        [rows, columns],
        (fused.data as Float32Array).slice(i * rows * columns, (i + 1) * rows * columns),
      );
    return { gate: { weight: half(0) }, up: { weight: half(1) }, down };
  };
  const stacked = (name: string): HostTensor => {
    const parts = Array.from({ length: experts! }, (_, e) => take(`mlp.experts.${e}.${name}.weight`)!);
    return hostTensor("float32", [experts!, ...parts[0]!.shape], parts.flatMap(toNumbers));
  };
  const mixed = (): Mixture<HostTensor> => ({
    router: { weight: take("mlp.gate.weight")!, correctionBias: take("mlp.gate.e_score_correction_bias")! },
    experts: { gate: stacked("gate_proj"), up: stacked("up_proj"), down: stacked("down_proj") },
    sharedExpert: gated("mlp.shared_experts"),
  });
  return {
    attentionNorm: norm("input_layernorm"),
    attention: {
      query: linear("self_attn.q_proj"),
      key: linear("self_attn.k_proj"),
      value: linear("self_attn.v_proj"),
      output: linear("self_attn.o_proj"),
      ...(hasNorms ? { queryNorm: norm("self_attn.q_norm"), keyNorm: norm("self_attn.k_norm") } : {}),
    },
    mlpNorm: norm("post_attention_layernorm"),
    mlp: experts === undefined ? gated("mlp") : mixed(),
  };
}

function run(p: Layer<Tensor>, x: Tensor, { epsilon, rotating, interleaved = false }: Case): Tensor {
  const rotary = rotaryConstants(x, rotaryTables(17, rotaryFrequencies({ size: rotating })));
  const bias = causalBias(x, 17);
  const normed = rmsNormLayer(p.attentionNorm, x, { epsilon });
  const h = add(x, attentionLayer(p.attention, normed, { heads: 4, rotary, interleaved, bias, normEpsilon: epsilon }));
  const read = rmsNormLayer(p.mlpNorm, h, { epsilon });
  if (!("router" in p.mlp)) return add(h, gatedMlp(p.mlp, read));
  return add(h, mixture(p.mlp, read, { activeExperts: 2, scores: "sigmoid", scale: 1.5 }).output);
}

describeBackends("blocks equal Hugging Face", hasGolden("glm4-moe-tiny/golden.safetensors"), (backend) => {
  test.each(cases)("$folder, layer $layer", async (given) => {
    const weights = readGolden(`${given.folder}/model.safetensors`);
    const golden = readGolden(`${given.folder}/golden.safetensors`);
    const x = golden[`hidden.${given.layer}`]!;
    const build = (p: Layer<Tensor>, input: { readonly x: Tensor }) => ({ y: run(p, input.x, given) });
    const { y } = await runTraced(layerOf(weights, given), { x }, build, backend());
    expect(relativeError(y, toNumbers(golden[`hidden.${given.layer + 1}`]!))).toBeLessThan(1e-4);
  });
});
