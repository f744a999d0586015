import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flattenTree, type HostTensor, hostTensor } from "../../engine/index.ts";
import { openGguf } from "../../formats/index.ts";
import { familyNamed, initParameters, type JsonObject, readModelConfig } from "../../models/index.ts";
import { createRandom } from "../../support/random.ts";
import { exportGguf, readGgufParameters, sourceOfParameters, syntheticVocabulary } from "../index.ts";
import { ggufArchitecture } from "./architecture.ts";
import { toGgufLayout } from "./tensors.ts";

const tiny: JsonObject = {
  model_type: "llama",
  vocab_size: 300,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 96,
  max_position_embeddings: 64,
  eos_token_id: [1, 7],
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "congling-export-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function source(changes: JsonObject = {}) {
  const { family, config } = readModelConfig({ ...tiny, ...changes });
  const parameters = initParameters(family.parameters(config), createRandom(3));
  return { ...sourceOfParameters({ family, config, parameters }), parameters };
}

describe("exportGguf without a judge", () => {
  it.each(["llama", "qwen2", "qwen3", "glm", "glm4"])(
    "%s: what is written reads back as the same parameters",
    async (type) => {
      const model = source({ model_type: type });
      const file = join(folder, `${type}.gguf`);
      const report = await exportGguf(model, file, { type: "f32", verify: false });
      expect(report.verification).toBeUndefined();
      const { parameters } = await readGgufParameters(file, model.family, model.config);
      const written = flattenTree<HostTensor>(model.parameters);
      const read = new Map(flattenTree<HostTensor>(parameters));
      expect([...read.keys()]).toEqual(written.map(([name]) => name));
      // Not toEqual on the arrays: it compares numbers one by one, and slowly.
      const changed = written.filter(
        ([name, { data }]) => Buffer.compare(bytesOf(data), bytesOf(read.get(name)!.data)) !== 0,
      );
      expect(changed.map(([name]) => name)).toEqual([]);
    },
  );

  it("writes llama.cpp's keys and shuffles query rows so that rotating partners are neighbours", async () => {
    const model = source();
    const file = join(folder, "keys.gguf");
    await exportGguf(model, file, { type: "q8_0", verify: false, title: "tiny" });
    const gguf = await openGguf(file);
    const value = (key: string) => gguf.metadata.get(key)?.value;
    expect(value("general.architecture")).toBe("llama");
    expect(value("general.file_type")).toBe(7);
    expect(value("llama.attention.head_count_kv")).toBe(2);
    expect(value("llama.rope.dimension_count")).toBe(16);
    expect(value("tokenizer.ggml.eos_token_id")).toBe(1);
    expect(value("tokenizer.ggml.eot_token_id")).toBe(7);
    expect(value("tokenizer.ggml.tokens")).toHaveLength(300);
    expect(gguf.info("blk.1.attn_k.weight")).toMatchObject({ type: "q8_0", shape: [32, 64] });
    expect(gguf.info("blk.1.attn_norm.weight").type).toBe("f32");
    await gguf.close();
    const { architecture, config } = ggufArchitecture(model.family, model.config);
    const rows = Float32Array.from({ length: 64 }, (_, i) => i); // a bias: one number a row, four heads of 16
    const moved = toGgufLayout(architecture, config, "model.layers.0.self_attn.q_proj.bias", rows);
    expect([...moved.subarray(0, 6)]).toEqual([0, 8, 1, 9, 2, 10]);
    expect([...moved.subarray(16, 20)]).toEqual([16, 24, 17, 25]);
    expect(toGgufLayout(architecture, config, "model.layers.0.self_attn.v_proj.bias", rows)).toBe(rows);
  });

  it.each<[string, JsonObject, RegExp]>([
    ["another activation", { hidden_act: "gelu" }, /activation is gelu/],
    ["experts", { model_type: "glm4_moe", ...mixture() }, /mixtures of experts/],
    ["biases qwen3's graph leaves out", { model_type: "qwen3", attention_bias: true }, /output has a bias/],
    [
      "llama3 frequencies elsewhere",
      {
        model_type: "qwen2",
        rope_parameters: {
          rope_type: "llama3",
          rope_theta: 1e4,
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 32,
        },
      },
      /no place for the frequencies/,
    ],
  ])("refuses %s and writes nothing", async (_, changes, message) => {
    const { family, config } = readModelConfig({ ...tiny, ...changes });
    const file = join(folder, "refused.gguf");
    const read = () => {
      throw new Error("must not be read");
    };
    await expect(exportGguf({ family, config, read }, file, { type: "f32", verify: false })).rejects.toThrow(message);
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    ["chatglm_6b", /2-D RoPE.*prefix mask/],
    ["glm_original", /prefix mask/],
    ["bert", /does not generate/],
  ])("refuses %s with the reason", (name, message) => {
    expect(() => ggufArchitecture(familyNamed(name), source().config)).toThrow(message);
  });

  it("refuses damaged weights, weights half precision cannot hold, and vocabularies of another model", async () => {
    const model = source();
    const file = join(folder, "bad.gguf");
    const withValue = (value: number) => ({
      ...model,
      read: (name: string): HostTensor => {
        const tensor = model.read(name) as HostTensor;
        if (!name.endsWith("down_proj.weight")) return tensor;
        return hostTensor("float32", tensor.shape, new Float32Array(64 * 96).fill(value, 5, 6));
      },
    });
    const verify = false;
    await expect(exportGguf(withValue(Number.NaN), file, { type: "f32", verify })).rejects.toThrow(
      /holds NaN at element 5/,
    );
    await expect(exportGguf(withValue(1e5), file, { type: "f16", verify })).rejects.toThrow(/f16 reaches 65504/);
    const vocabulary = syntheticVocabulary({ ...model.config, vocabulary: 301 });
    await expect(exportGguf(model, file, { type: "f32", verify, vocabulary })).rejects.toThrow(/301 tokens.*300 rows/);
    expect(existsSync(file)).toBe(false);
  });

  it("says what to install when there is no judge, before writing", async () => {
    const file = join(folder, "unjudged.gguf");
    const verify = { nodeLlamaCpp: join(folder, "nowhere") };
    await expect(exportGguf(source(), file, { type: "f32", verify })).rejects.toThrow(/npm install node-llama-cpp/);
  });
});

const bytesOf = (data: HostTensor["data"]): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function mixture(): JsonObject {
  return {
    n_routed_experts: 4,
    num_experts_per_tok: 2,
    moe_intermediate_size: 32,
    n_shared_experts: 1,
    first_k_dense_replace: 1,
  };
}
