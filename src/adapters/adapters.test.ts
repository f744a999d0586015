import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  flattenTree,
  type HostTensor,
  hostTensor,
  mapTree,
  randomSource,
  type Tensor,
  type Tree,
  toNumbers,
} from "../engine/index.ts";
import { type TensorSource, writeSafetensors } from "../formats/index.ts";
import { linear, quantizeLinear } from "../nn/index.ts";
import { runTraced, wave } from "../nn/run-traced.fixture.ts";
import { createRandom } from "../support/random.ts";
import type { LoraAdapter, PrefixAdapter, PromptAdapter } from "./adapter.ts";
import { attachLora, detachLora, dropLora, initLora, mergeLora } from "./lora.ts";
import { initPrefix, prefixKeysAndValues, prefixTable } from "./prefix.ts";
import { readAdapter } from "./read.ts";
import { saveAdapter } from "./save.ts";
import { peftParameterName, peftPrefixName, thudmPrefixName } from "./tensor-names.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "adapter-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const layer = (phase: number) => ({
  self_attn: {
    q_proj: { weight: wave([8, 32], phase), bias: wave([8], phase + 1) },
    v_proj: { weight: wave([4, 32]) },
  },
  norm: { weight: wave([32]) },
});
const model = {
  model: { embed_tokens: { weight: wave([5, 32]) }, layers: [layer(1), layer(2)] },
  lm_head: { weight: wave([5, 32], 3) },
};
const options = { targetModules: ["q_proj"], rank: 2, alpha: 6 };

/** With a B that is not zero. */
function trained(): LoraAdapter {
  const fresh = initLora(model, options, createRandom(1));
  return {
    ...fresh,
    modules: new Map([...fresh.modules].map(([name, module], i) => [name, { ...module, b: wave([8, 2], i) }])),
  };
}

describe("LoRA", () => {
  it("starts with A within ±1/√in, and B zero, in the targeted layers alone", () => {
    const { modules } = initLora(model, options, createRandom(1));
    expect([...modules.keys()]).toEqual(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"]);
    const { a, b, scale } = modules.get("model.layers.0.self_attn.q_proj")!;
    expect([a.shape, b.shape, scale]).toEqual([[2, 32], [8, 2], 3]);
    expect(Math.max(...toNumbers(a).map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(32));
    expect(Math.max(...toNumbers(a).map(Math.abs))).toBeGreaterThan(0.9 / Math.sqrt(32));
    expect(toNumbers(b).every((value) => value === 0)).toBe(true);
    expect(toNumbers(modules.get("model.layers.1.self_attn.q_proj")!.a)).not.toEqual(toNumbers(a));
    expect(() => initLora(model, { targetModules: ["query"] }, createRandom(1))).toThrow(/there are .*q_proj, v_proj/);
    expect(() => initLora(model, { targetModules: ["embed_tokens"] }, createRandom(1))).toThrow(/no linear layer/);
  });

  it("computes the same attached and merged", async () => {
    const adapter = trained();
    const x = wave([3, 32], 5);
    const attached = attachLora(model, adapter).model.layers[1]!.self_attn.q_proj;
    const merged = mergeLora(model, adapter).model.layers[1]!.self_attn.q_proj;
    const build = (p: never, given: { x: Tensor }) => ({ y: linear(p, given.x) });
    const [one, other, bare] = [
      (await runTraced(attached, { x }, build)).y,
      (await runTraced(merged, { x }, build)).y,
      (await runTraced(model.model.layers[1]!.self_attn.q_proj, { x }, build)).y,
    ];
    one.forEach((value, i) => {
      expect(value).toBeCloseTo(other[i]!, 4);
    });
    expect(Math.max(...one.map((value, i) => Math.abs(value - bare[i]!)))).toBeGreaterThan(0.1);
    // The tree it came from is as it was.
    expect(Object.keys(model.model.layers[1]!.self_attn.q_proj)).toEqual(["weight", "bias"]);
  });

  it("drops what the corrections read of x and nothing else, each layer its own", async () => {
    const one = (size: number) => Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
    const lowRank = { a: hostTensor("float32", [32, 32], one(32)), b: hostTensor("float32", [32, 32], one(32)) };
    const bare = { weight: wave([32, 32]), lowRank: { ...lowRank, scale: hostTensor("float32", [], [2]) } };
    const inputs = {
      x: hostTensor("float32", [40, 32], new Array(1280).fill(1)),
      key: hostTensor("int64", [2], [3, 4]),
    };
    const run = (rate: number | undefined) =>
      runTraced({ first: bare, second: bare }, inputs, (tree: Tree<Tensor>, { x, key }) => {
        const random = randomSource(key);
        const { first, second } = (rate === undefined ? tree : dropLora(tree, { rate, random })) as never;
        return { first: linear(first, x), second: linear(second, x) };
      });
    const [plain, none, dropped] = [await run(undefined), await run(0), await run(0.25)];
    expect(none).toEqual(plain);
    // The correction is 2·x where x is kept, scaled, and x·Wᵀ is there in any case.
    const corrections = dropped.first.map((value, i) => value - (plain.first[i]! - 2));
    const kept = corrections.filter((value) => Math.abs(value - 2 / 0.75) < 1e-4).length;
    expect(corrections.filter((value) => Math.abs(value) < 1e-4)).toHaveLength(1280 - kept);
    expect(Math.abs(kept / 1280 - 0.75)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 1280));
    expect(dropped.second).not.toEqual(dropped.first);
  });

  it("fits quantised layers, which cannot take it in", () => {
    const quantized = { model: { layers: model.model.layers.map(quantizeQuery) } };
    const adapter = trained();
    const attached = flattenTree(attachLora(quantized as never, adapter) as never).map(([path]) => path);
    expect(attached).toContain("model.layers.1.self_attn.q_proj.codes");
    expect(attached).toContain("model.layers.1.self_attn.q_proj.lowRank.a");
    expect(() => mergeLora(quantized as never, adapter)).toThrow(/quantised, wanted float32/);
  });

  it("gives its factors back, and comes back from a folder", async () => {
    const adapter = trained();
    const tree = attachLora(model, adapter);
    const doubled = mapTree<HostTensor, HostTensor>(tree as never, (leaf, path) =>
      path.endsWith(".b") ? { ...leaf, data: (leaf.data as Float32Array).map((value) => 2 * value) } : leaf,
    );
    const after = detachLora(doubled as never, adapter);
    await saveAdapter(folder, after);
    const read = await readAdapter(folder);
    expect(read).toEqual({ ...after, base: undefined });
    const name = "model.layers.0.self_attn.q_proj";
    expect((read as LoraAdapter).modules.get(name)!.b.data[3]).toBe(2 * Number(adapter.modules.get(name)!.b.data[3]));
  });

  it("names every layer that does not fit", () => {
    const adapter = trained();
    const other = { model: { layers: [{ self_attn: { q_proj: { weight: wave([8, 16]) } } }] } };
    expect(() => attachLora(other, adapter)).toThrow(
      /q_proj" is \[8, 16\], the adapter is for \[8, 32\][\s\S]*no linear layer "model.layers.1.self_attn.q_proj"/,
    );
    const half = { ...adapter, modules: new Map([...adapter.modules].slice(0, 1)) };
    expect(() => attachLora(model, half)).toThrow(/"model.layers.1.self_attn.q_proj" has no factors/);
  });

  it("of a fused query, key and value is split by rows", () => {
    const weight = (rows: number) => ({ weight: wave([rows, 6]) });
    const self_attn = { q_proj: weight(4), k_proj: weight(2), v_proj: weight(2), o_proj: weight(6) };
    const tree = { model: { layers: [{ self_attn }] } };
    const module = { a: wave([1, 6], 1), b: wave([8, 1], 2), scale: 2 };
    const dense = { a: wave([1, 6], 3), b: wave([6, 1], 4), scale: 2 };
    const root = "transformer.encoder.layers.0.self_attention";
    const modules = new Map([
      [`${root}.query_key_value`, module],
      [`${root}.dense`, dense],
    ]);
    const base = initLora(tree, { targetModules: ["q_proj"] }, createRandom(1));
    const attached = attachLora(tree, { ...base, modules }) as unknown as {
      model: { layers: { self_attn: Record<string, { lowRank: { a: HostTensor; b: HostTensor } }> }[] };
    };
    const { q_proj, k_proj, v_proj, o_proj } = attached.model.layers[0]!.self_attn;
    const rows = [q_proj, k_proj, v_proj].flatMap((each) => toNumbers(each!.lowRank.b));
    expect(rows).toEqual(toNumbers(module.b));
    expect(v_proj!.lowRank.a).toBe(module.a);
    expect(o_proj!.lowRank.b).toBe(dense.b);
  });
});

describe("prefixes", () => {
  const shape = { length: 3, layers: 2, keyValueHeads: 2, headSize: 4 };
  const expand = (p: never) => {
    const parts = prefixKeysAndValues(p, shape);
    return Object.fromEntries(parts.flatMap(({ key, value }, i) => [[`key${i}`, key] as const, [`value${i}`, value]]));
  };

  it("lie layer after layer, key before value, head after head", async () => {
    // Row p of the table counts p·32, p·32 + 1, …
    const table = hostTensor(
      "float32",
      [3, 32],
      Array.from({ length: 96 }, (_, i) => i),
    );
    const { key0, value1 } = await runTraced({ embedding: { weight: table } }, {}, expand as never);
    const at = (p: number, row: number, head: number) => [0, 1, 2, 3].map((d) => p * 32 + row * 8 + head * 4 + d);
    const heads = (row: number) => [0, 1].flatMap((head) => [0, 1, 2].flatMap((p) => at(p, row, head)));
    expect(key0).toEqual(heads(0));
    expect(value1).toEqual(heads(3));
  });

  it("are made by their network in the graph as on the host", async () => {
    const { parameters } = initPrefix({ ...shape, projection: 5, projectionInput: 7 }, createRandom(2));
    const inGraph = await runTraced(parameters as never, {}, expand as never);
    const finished = await runTraced({ embedding: { weight: prefixTable(parameters) } }, {}, expand as never);
    for (const [name, values] of Object.entries(finished)) {
      values.forEach((value, i) => {
        expect(inGraph[name]![i]).toBeCloseTo(value, 5);
      });
    }
  });

  const modelConfig = { num_layers: 2, num_attention_heads: 4, multi_query_attention: true };
  it.each([
    ["PEFT", { occupiesPositions: true }],
    ["THUDM", { modelConfig: { ...modelConfig, multi_query_group_num: 2, kv_channels: 4 } }],
    ["THUDM, projected", { projection: 6, modelConfig: { ...modelConfig, multi_query_group_num: 2, kv_channels: 4 } }],
    ["ChatGLM-6B", { modelConfig: { num_layers: 2, num_attention_heads: 2, hidden_size: 8 } }],
  ])("come back from a folder of %s", async (_, more) => {
    const prefix = initPrefix({ ...shape, ...more }, createRandom(3));
    await saveAdapter(folder, prefix);
    const read = (await readAdapter(folder)) as PrefixAdapter;
    expect({ ...read, modelConfig: undefined }).toEqual({ ...prefix, modelConfig: undefined });
  });

  it("of PEFT are saved without their network, as PEFT does", async () => {
    const prefix = initPrefix({ ...shape, occupiesPositions: true, projection: 6 }, createRandom(3));
    await saveAdapter(folder, prefix);
    const read = (await readAdapter(folder)) as PrefixAdapter;
    expect(read.parameters).toEqual({ embedding: { weight: prefixTable(prefix.parameters) } });
  });

  it("without positions need their base's configuration to be saved", async () => {
    await expect(saveAdapter(folder, initPrefix(shape, createRandom(3)))).rejects.toThrow(/modelConfig is missing/);
  });
});

describe("prompts", () => {
  const prompt: PromptAdapter = { kind: "prompt", base: "runs/base", layers: 2, heads: 4, embeddings: wave([3, 8]) };
  const change = (file: object) => {
    const path = join(folder, "prompt", "adapter_config.json");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...file }));
  };

  it("are saved as PEFT's files and read back", async () => {
    await saveAdapter(join(folder, "prompt"), prompt);
    expect(JSON.parse(readFileSync(join(folder, "prompt", "adapter_config.json"), "utf8"))).toMatchObject({
      peft_type: "PROMPT_TUNING",
      num_virtual_tokens: 3,
      token_dim: 8,
      num_layers: 2,
      num_attention_heads: 4,
    });
    // How PEFT began it makes no difference.
    const text = { prompt_tuning_init: "TEXT", prompt_tuning_init_text: "写诗", tokenizer_name_or_path: "base" };
    change({ ...text, peft_version: "0.17.0" });
    expect(await readAdapter(join(folder, "prompt"))).toEqual(prompt);
  });

  it("must fit what their file says", async () => {
    await saveAdapter(join(folder, "prompt"), prompt);
    change({ num_virtual_tokens: 4 });
    await expect(readAdapter(join(folder, "prompt"))).rejects.toThrow(/is \[3, 8\], wanted \[4, 8\]/);
    change({ num_virtual_tokens: 3, num_transformer_submodules: 2 });
    await expect(readAdapter(join(folder, "prompt"))).rejects.toThrow(/encoder-decoder/);
  });
});

describe("configurations", () => {
  const change = async (changes: object, tensors?: TensorSource[]) => {
    await saveAdapter(folder, trained());
    const path = join(folder, "adapter_config.json");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...changes }));
    if (tensors !== undefined) await writeSafetensors(join(folder, "adapter_model.safetensors"), tensors);
    return readAdapter(folder);
  };

  it.each([
    [{ use_dora: true }, /use_dora is true, wanted it switched off: DoRA/],
    [{ bias: "all" }, /bias is "all"/],
    [{ modules_to_save: ["lm_head"] }, /modules_to_save/],
    [{ init_lora_weights: "pissa" }, /rewrites the base model/],
    [{ layer_replication: [[0, 1]] }, /layer_replication/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out/],
    [{ some_new_trick: 3 }, /unknown key "some_new_trick"/],
    [{ r: 0 }, /r is 0, wanted an integer/],
    [{ r: 3 }, /wanted rank 3/],
    [{ rank_pattern: { q_proj: 2.5 } }, /rank_pattern/],
    [{ target_modules: null }, /target_modules/],
    [{ target_modules: ["k_proj"] }, /has factors, but is none of target_modules/],
    [{ peft_type: "IA3" }, /wanted LORA, PREFIX_TUNING or PROMPT_TUNING/],
  ])("%j is refused", async (changes, message) => {
    await expect(change(changes)).rejects.toThrow(message);
  });

  it("may name features of the future that are off", async () => {
    expect((await change({ some_new_trick: null, velora_config: null })).kind).toBe("lora");
  });

  it("must fit the tensors", async () => {
    const name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    const half: TensorSource = { name, dtype: "F32", shape: [2, 32], data: new Float32Array(64) };
    await expect(change({}, [half])).rejects.toThrow(/lacks lora_B/);
    await expect(change({}, [{ ...half, name: "base_model.model.lm_head.weight" }])).rejects.toThrow(/no factor/);
    await expect(change({}, [])).rejects.toThrow(/no factors at all/);
  });

  it("say what a folder lacks", async () => {
    await expect(readAdapter(join(folder, "none"))).rejects.toMatchObject({ code: "PATH_NOT_FOUND" });
    await expect(readAdapter(folder)).rejects.toThrow(/no adapter in/);
    writeFileSync(join(folder, "config.json"), '{"model_type": "glm"}');
    await expect(readAdapter(folder)).rejects.toThrow(/without a prefix/);
    writeFileSync(join(folder, "adapter_config.json"), "[]");
    await expect(readAdapter(folder)).rejects.toMatchObject({ code: "BAD_CONFIG" });
  });
});

it("knows the names of PEFT and THUDM", () => {
  expect(peftParameterName("model.layers.0.self_attn.q_proj.lowRank.a")).toBe(
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
  );
  expect(peftParameterName("model.layers.0.self_attn.q_proj.weight")).toBeUndefined();
  expect(peftPrefixName("transform.0.weight")).toBe("prompt_encoder.default.transform.0.weight");
  expect(thudmPrefixName("transform.2.bias")).toBe("transformer.prefix_encoder.trans.2.bias");
});

function quantizeQuery({ self_attn }: ReturnType<typeof layer>) {
  return { self_attn: { q_proj: quantizeLinear(self_attn.q_proj, 4) } };
}
