import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toNumbers } from "../../../engine/index.ts";
import { type TensorSource, writeSafetensors, writeShardedSafetensors } from "../../../formats/index.ts";
import { float32ToFloat16 } from "../../../support/half-precision.ts";
import { readModelConfig } from "../../registry.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { openCheckpoint } from "../open.ts";
import { convertCheckpoint } from "../save.ts";
import { toThudm } from "./to-thudm.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "thudm-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const half = (name: string, shape: number[], first = 0): TensorSource => {
  const length = shape.reduce((a, b) => a * b, 1);
  return { name, dtype: "F16", shape, data: float32ToFloat16(Float32Array.from({ length }, (_, i) => first + i)) };
};

async function open(config: object, tensors: TensorSource[]): Promise<Checkpoint> {
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return openCheckpoint(folder);
}

describe("ChatGLM-6B", () => {
  const config = { model_type: "chatglm", hidden_size: 4, num_layers: 1, num_attention_heads: 2, vocab_size: 3 };
  const root = "transformer.layers.0.";
  const dense = `${root}attention.dense.weight`;
  const tensors: TensorSource[] = [
    half("transformer.word_embeddings.weight", [3, 4]),
    { name: dense, dtype: "I8", shape: [2, 2], data: Int8Array.of(0x7f, 0x10, -0x80, -0x01) },
    { name: `${dense}_scale`, dtype: "F16", shape: [2], data: float32ToFloat16(Float32Array.of(0.5, 2)) },
    half(`${root}attention.rotary_emb.inv_freq`, [1]),
    half("transformer.prefix_encoder.embedding.weight", [2, 8]),
  ];

  it("keeps its names, drops what is computed, and shows the tied output layer", async () => {
    const checkpoint = await open({ ...config, quantization_bit: 4 }, tensors);
    expect([...checkpoint.names].sort()).toEqual(["lm_head.weight", dense, "transformer.word_embeddings.weight"]);
    expect(checkpoint.hasPrefixEncoder).toBe(true);
    expect(await checkpoint.read("lm_head.weight")).toEqual(
      await checkpoint.read("transformer.word_embeddings.weight"),
    );
    await checkpoint.close();
  });

  it("in int4 has the even column in the high half of a byte, both halves signed", async () => {
    const checkpoint = await open({ ...config, quantization_bit: 4 }, tensors);
    expect(checkpoint.spec(dense)).toEqual({ dtype: "float32", shape: [2, 4] });
    expect(toNumbers(await checkpoint.read(dense))).toEqual([3.5, -0.5, 0.5, 0, -16, 0, -2, -2]);
    expect(await checkpoint.readQuantized(dense)).toMatchObject({
      bits: 4,
      codes: Int8Array.of(7, -1, 1, 0, -8, 0, -1, -1),
    });
    await checkpoint.close();
  });

  it("in int8 has one code a byte", async () => {
    const checkpoint = await open({ ...config, quantization_bit: 8 }, tensors);
    expect(toNumbers(await checkpoint.read(dense))).toEqual([63.5, 8, -256, -2]);
    await checkpoint.close();
  });

  it("may have the stale total of its published index; others may not", async () => {
    await writeShardedSafetensors(folder, tensors.slice(0, 1).concat(half("x", [50])), { maxShardBytes: 100 });
    const index = { metadata: { total_size: 13_744_473_856 }, weight_map: {} as Record<string, string> };
    index.weight_map["transformer.word_embeddings.weight"] = "model-00001-of-00002.safetensors";
    index.weight_map.x = "model-00002-of-00002.safetensors";
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    await (await openCheckpoint(folder)).close();
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, model_type: "llama" }));
    await expect(openCheckpoint(folder)).rejects.toThrow(/states total_size 13744473856/);
  });

  it("refuses scales that do not fit", async () => {
    const scale: TensorSource = { ...tensors[2]!, shape: [1], data: float32ToFloat16(Float32Array.of(1)) };
    const opened = open({ ...config, quantization_bit: 4 }, [tensors[1]!, scale]);
    await expect(opened).rejects.toThrow(/dense.weight" \[2, 2\] has F16 scales \[1\], wanted one a row/);
  });
});

describe("ChatGLM2 and later", () => {
  const config = {
    ...{ model_type: "chatglm", num_layers: 1, hidden_size: 8, num_attention_heads: 2, kv_channels: 4 },
    ...{ multi_query_attention: true, multi_query_group_num: 1, ffn_hidden_size: 3, padded_vocab_size: 5 },
    ...{ seq_length: 16, layernorm_epsilon: 1e-5, add_qkv_bias: true, rmsnorm: true, add_bias_linear: false },
    ...{ eos_token_id: [1, 2], pad_token_id: 1, rope_ratio: 500, torch_dtype: "float16" },
  };
  const layer = "transformer.encoder.layers.0.";
  const tensors = [
    half("transformer.embedding.word_embeddings.weight", [5, 8]),
    half(`${layer}input_layernorm.weight`, [8]),
    half(`${layer}self_attention.query_key_value.weight`, [16, 8]),
    half(`${layer}self_attention.query_key_value.bias`, [16], 100),
    half(`${layer}self_attention.dense.weight`, [8, 8]),
    half(`${layer}post_attention_layernorm.weight`, [8]),
    half(`${layer}mlp.dense_h_to_4h.weight`, [6, 8]),
    half(`${layer}mlp.dense_4h_to_h.weight`, [8, 3]),
    half("transformer.encoder.final_layernorm.weight", [8]),
    half("transformer.output_layer.weight", [5, 8]),
    half("transformer.rotary_pos_emb.inv_freq", [1], 1),
  ];
  const sandwich = [
    half(`${layer}post_self_attn_layernorm.weight`, [8]),
    half(`${layer}post_mlp_layernorm.weight`, [8]),
  ];

  it.each([
    ["glm", tensors],
    ["glm4", [...tensors, ...sandwich]],
  ])("are %s to Hugging Face, and come back the same", async (type, all) => {
    const checkpoint = await open(config, all);
    const { family, config: read } = readModelConfig(checkpoint.config);
    expect(family.name).toBe(type);
    expect(read).toMatchObject({ rope: { base: 5_000_000, channels: 2 }, keyValueHeads: 1, endIds: [1, 2] });
    const root = "model.layers.0.self_attn.";
    expect(toNumbers(await checkpoint.read(`${root}k_proj.bias`))).toEqual([
      ...(half("", [4], 108).data as Uint16Array),
    ]);
    expect(checkpoint.spec(`${root}v_proj.weight`)).toEqual({ dtype: "float16", shape: [4, 8] });
    const back = toThudm(checkpoint);
    expect(back.config).toMatchObject({ ...config, torch_dtype: "float16" });
    expect([...back.names].sort()).toEqual(all.map(({ name }) => name).sort());
    for (const { name, shape, data } of all) {
      expect(await back.read(name), name).toEqual({ dtype: "float16", shape, data });
    }
    await back.close();
  });

  it("have an output layer of their own, whatever tie_word_embeddings says", async () => {
    const checkpoint = await open({ ...config, tie_word_embeddings: true }, tensors);
    expect(checkpoint.config.tie_word_embeddings).toBe(false);
    await checkpoint.close();
  });

  it("report names of another model, and keep them from being lost on the way back", async () => {
    const checkpoint = await open(config, [...tensors, half(`${layer}mlp.router.weight`, [8])]);
    expect(checkpoint.names).toContain(`${layer}mlp.router.weight`);
    expect(() => toThudm(checkpoint)).toThrow(/router.weight" has no place/);
    await checkpoint.close();
  });

  it("cannot hold what their code does not know", async () => {
    const checkpoint = await open(config, tensors);
    const scaled = { ...checkpoint, config: { ...checkpoint.config, rope_scaling: { type: "yarn" } } };
    expect(() => toThudm(scaled)).toThrow(/rope_scaling/);
    const llama = { ...checkpoint, config: { ...checkpoint.config, model_type: "llama" } };
    expect(() => toThudm(llama)).toThrow(/model_type is "llama"/);
    const cut = { ...checkpoint, names: checkpoint.names.filter((name) => !name.endsWith("k_proj.weight")) };
    expect(() => toThudm(cut)).toThrow(/of query, key and value for .* one is missing/);
    await checkpoint.close();
  });

  it("leave nothing behind when writing fails", async () => {
    const checkpoint = await open(config, tensors);
    const target = join(folder, "target");
    const failing = { ...checkpoint, read: () => Promise.reject(new Error("disk gone")) };
    await expect(convertCheckpoint(failing, target)).rejects.toThrow(/disk gone/);
    await expect(openCheckpoint(target)).rejects.toMatchObject({ code: "PATH_NOT_FOUND" });
    await checkpoint.close();
  });
});
