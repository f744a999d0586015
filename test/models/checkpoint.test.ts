/** The THUDM folders of the fixtures against the Hugging Face folder they were made from. */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HostTensor, mapTree, type TensorSpec, toNumbers } from "../../src/engine/index.ts";
import {
  type Checkpoint,
  convertCheckpoint,
  dequantizeRows,
  loadParameters,
  openCheckpoint,
  saveCheckpoint,
  toThudm,
} from "../../src/models/checkpoint/index.ts";
import { readModelConfig } from "../../src/models/index.ts";
import { CongError } from "../../src/support/index.ts";

const golden = fileURLToPath(new URL("../../../shared/golden", import.meta.url));
const at = (name: string) => join(golden, name);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Type, shape and a digest of the bits: vitest takes seconds to compare the elements. */
async function readAll(checkpoint: Checkpoint): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const name of [...checkpoint.names].sort()) {
    const tensor = await checkpoint.read(name);
    expect([tensor.dtype, tensor.shape]).toEqual([checkpoint.spec(name).dtype, checkpoint.spec(name).shape]);
    all.set(name, digest(tensor));
  }
  return all;
}

function digest({ dtype, shape, data }: { dtype: string; shape: readonly number[]; data: ArrayBufferView }): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return `${dtype} [${shape}] ${createHash("sha256").update(bytes).digest("hex")}`;
}

async function withCheckpoint<T>(path: string, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  const checkpoint = await openCheckpoint(path);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

const readFolder = (path: string) => withCheckpoint(path, readAll);

/** Writable: fixtures are not. */
function copyOf(name: string): string {
  const target = join(folder, name);
  cpSync(at(name), target, { recursive: true, mode: 0 });
  for (const file of readdirSync(target)) {
    const bytes = readFileSync(join(target, file));
    rmSync(join(target, file), { force: true });
    writeFileSync(join(target, file), bytes);
  }
  return target;
}

describe.skipIf(!existsSync(golden))("ChatGLM3 folders of THUDM", () => {
  it("are the Hugging Face checkpoint under other names", async () => {
    const thudm = await readFolder(at("chatglm3-tiny-thudm"));
    const huggingFace = await readFolder(at("glm-tiny"));
    expect([...thudm.keys()]).toEqual([...huggingFace.keys()]);
    for (const [name, tensor] of huggingFace) expect(thudm.get(name), name).toEqual(tensor);
  });

  it("have its configuration", async () => {
    const [thudm, huggingFace] = await Promise.all(
      ["chatglm3-tiny-thudm", "glm-tiny"].map((name) =>
        withCheckpoint(at(name), async ({ config }) => readModelConfig(config)),
      ),
    );
    expect(thudm!.family.name).toBe("glm");
    // The fixture's THUDM configuration names no begin token.
    expect({ ...thudm!.config, beginId: 2 }).toEqual(huggingFace!.config);
  });

  it("turn by 10,000·rope_ratio, which published converters lose", async () => {
    const path = copyOf("chatglm3-tiny-thudm");
    const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
    writeFileSync(join(path, "config.json"), JSON.stringify({ ...config, rope_ratio: 500 }));
    const read = await withCheckpoint(path, async (checkpoint) => checkpoint.config);
    expect(read.rope_parameters).toMatchObject({ rope_theta: 5_000_000 });
  });

  it("in half precision are what rounding gives", async () => {
    const half = await readFolder(at("chatglm3-tiny-thudm-fp16"));
    const rounded = join(folder, "rounded");
    await withCheckpoint(at("glm-tiny"), (checkpoint) => convertCheckpoint(checkpoint, rounded, { dtype: "float16" }));
    for (const [name, tensor] of await readFolder(rounded)) expect(half.get(name), name).toEqual(tensor);
  });

  it.each([8, 4] as const)("in int%i dequantise to within half a step of the half-precision weights", async (bits) => {
    const half = await withCheckpoint(at("chatglm3-tiny-thudm-fp16"), async (checkpoint) =>
      loadParameters(checkpoint, specsOf(checkpoint)),
    );
    await withCheckpoint(at(`chatglm3-tiny-thudm-int${bits}`), async (checkpoint) => {
      const { q_proj, k_proj } = (half as never as Layers).model.layers[1]!.self_attn;
      for (const [name, weight] of [
        ["model.layers.1.self_attn.q_proj.weight", q_proj.weight],
        ["model.layers.1.self_attn.k_proj.weight", k_proj.weight],
      ] as const) {
        const rows = (await checkpoint.readQuantized(name))!;
        expect(rows).toMatchObject({ bits, shape: weight.shape });
        const read = await checkpoint.read(name);
        expect(read).toEqual(dequantizeRows(rows));
        const [columns] = [weight.shape[1]!];
        toNumbers(read).forEach((value, i) => {
          const scale = rows.scales[Math.floor(i / columns)]!;
          // The scale is rounded to half precision, which moves the largest weight of a row by more than half a step.
          expect(Math.abs(value - Number(weight.data[i]))).toBeLessThan(scale * (0.5 + 2 ** -11 * 2 ** (bits - 1)));
        });
        const top = 2 ** (bits - 1) - 1;
        expect(Math.max(...rows.codes)).toBeLessThanOrEqual(top);
        expect(Math.max(...rows.codes.map(Math.abs))).toBe(top);
      }
      expect(await checkpoint.readQuantized("model.norm.weight")).toBeUndefined();
      expect(checkpoint.names.filter((name) => name.endsWith("_scale"))).toEqual([]);
    });
  });

  it("come back from Hugging Face bit for bit", async () => {
    const there = join(folder, "thudm");
    await withCheckpoint(at("glm-tiny"), (checkpoint) => convertCheckpoint(toThudm(checkpoint), there));
    const original = JSON.parse(readFileSync(join(at("chatglm3-tiny-thudm"), "config.json"), "utf8"));
    const config = JSON.parse(readFileSync(join(there, "config.json"), "utf8"));
    expect(config).toEqual({ ...original, bos_token_id: 2, rope_ratio: 1 });
    // And once more: THUDM, Hugging Face, THUDM.
    const back = await readFolder(there);
    for (const [name, tensor] of await readFolder(at("glm-tiny"))) expect(back.get(name), name).toEqual(tensor);
    const stored = await rawTensors(there);
    const made = await rawTensors(at("chatglm3-tiny-thudm"));
    expect([...stored.keys()].sort()).toEqual([...made.keys()].sort());
    for (const [name, values] of made) expect(stored.get(name), name).toEqual(values);
  });

  it("with a P-Tuning prefix alone are not a model", async () => {
    await withCheckpoint(at("chatglm3-tiny-ptuning-v2"), async (checkpoint) => {
      expect(checkpoint.hasPrefixEncoder).toBe(true);
      expect(checkpoint.names).toEqual([]);
    });
  });
});

describe.skipIf(!existsSync(golden))("damaged THUDM folders", () => {
  const shard = "pytorch_model-00002-of-00002.bin";
  const failure = async (path: string): Promise<CongError> => {
    const error = await readFolder(path).catch((error: unknown) => error);
    if (!CongError.is(error)) throw new Error(`expected an error of ours, got ${String(error)}`);
    return error;
  };

  it.each([0, 10, 1000, 60_000])("a shard cut to %i bytes", async (length) => {
    const path = copyOf("chatglm3-tiny-thudm");
    truncateSync(join(path, shard), length);
    expect(await failure(path)).toMatchObject({ code: "PICKLE_INVALID" });
  });

  it("a missing shard, a wrong total, a shard of another model", async () => {
    const path = copyOf("chatglm3-tiny-thudm");
    const index = join(path, "pytorch_model.bin.index.json");
    const content = readFileSync(index, "utf8");
    writeFileSync(index, content.replace(/"total_size": \d+/, '"total_size": 1'));
    expect(await failure(path)).toMatchObject({ code: "CHECKPOINT_INVALID", message: /total_size 1,/ });
    writeFileSync(index, content);
    writeFileSync(join(path, shard), readFileSync(join(at("chatglm3-tiny-thudm-int8"), shard)));
    expect(await failure(path)).toMatchObject({
      code: "CHECKPOINT_INVALID",
      message: /weight_scale" of .* not in the/,
    });
    rmSync(join(path, shard));
    expect(await failure(path)).toMatchObject({ code: "CHECKPOINT_INVALID", message: new RegExp(shard) });
  });

  it.each([
    [{ padded_vocab: 512 }, /unknown key "padded_vocab"[\s\S]*did you mean "padded_vocab_size"/],
    [{ rmsnorm: false }, /rmsnorm is false, wanted true/],
    [{ original_rope: false }, /original_rope is false/],
    [{ multi_query_group_num: 4 }, /query_key_value.weight" has 128 rows, the configuration wants 64 \+ 64 \+ 64/],
    [{ quantization_bit: 3 }, undefined],
  ])("a configuration with %j", async (change, message) => {
    const path = copyOf("chatglm3-tiny-thudm");
    const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
    writeFileSync(join(path, "config.json"), JSON.stringify({ ...config, ...change }));
    if (message !== undefined) expect((await failure(path)).message).toMatch(message);
    // P-Tuning writes the bits of its base there; weights that are floats are floats.
    else expect((await readFolder(path)).size).toBeGreaterThan(0);
  });

  it("quantised weights whose configuration does not say so", async () => {
    const path = copyOf("chatglm3-tiny-thudm-int4");
    const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
    delete config.quantization_bit;
    writeFileSync(join(path, "config.json"), JSON.stringify(config));
    expect(await failure(path)).toMatchObject({ code: "BAD_CONFIG", message: /quantization_bit .* missing/ });
  });
});

describe.skipIf(!existsSync(golden))("saveCheckpoint", () => {
  it.each(["glm-tiny", "glm4-0414-tiny", "glm4-moe-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny", "bert-tiny"])(
    "writes %s back as it was, in shards",
    async (name) => {
      const target = join(folder, "saved");
      const before = await withCheckpoint(at(name), async (checkpoint) => {
        const parameters = await loadParameters(checkpoint, specsOf(checkpoint), { ignored: () => false });
        await saveCheckpoint(target, { config: checkpoint.config, parameters, maxShardBytes: 200_000 });
        return [checkpoint.config, await readAll(checkpoint)] as const;
      });
      expect(readdirSync(target)).toContain("model.safetensors.index.json");
      const after = await withCheckpoint(target, async (saved) => [saved.config, await readAll(saved)] as const);
      expect(after).toEqual(before);
    },
  );

  it("refuses a folder with other files, and copies a tokenizer", async () => {
    const checkpoint = await openCheckpoint(at("glm-tiny"));
    const [source, target] = [join(folder, "source"), join(folder, "target")];
    cpSync(at("tokenizers/bytelevel-bpe.tokenizer.json"), join(source, "tokenizer.json"));
    await convertCheckpoint(checkpoint, target, { dtype: "bfloat16", tokenizerFrom: source, generation: { top_k: 1 } });
    await convertCheckpoint(checkpoint, target, { dtype: "bfloat16" });
    expect(readdirSync(target).sort()).toEqual(["config.json", "model.safetensors"]);
    expect(JSON.parse(readFileSync(join(target, "config.json"), "utf8")).dtype).toBe("bfloat16");
    writeFileSync(join(target, "thesis.tex"), "");
    await expect(convertCheckpoint(checkpoint, target)).rejects.toMatchObject({ code: "FOLDER_IN_USE" });
    await checkpoint.close();
  });
});

/** Names and bits of a THUDM folder as its files have them. */
async function rawTensors(path: string): Promise<Map<string, string>> {
  const { openTensorFiles } = await import("../../src/models/checkpoint/tensor-files.ts");
  const files = await openTensorFiles(path);
  const all = new Map<string, string>();
  for (const name of files.tensors.keys()) all.set(name, digest(await files.read(name)));
  await files.close();
  return all;
}

interface Layers {
  model: { layers: { self_attn: Record<"q_proj" | "k_proj", { weight: HostTensor }> }[] };
}

/** A float32 tree with the checkpoint's own names; numbers become positions in arrays. */
function specsOf(checkpoint: Checkpoint) {
  const root: Record<string, unknown> = {};
  for (const name of checkpoint.names) {
    const keys = name.split(".");
    const last = keys.pop()!;
    let branch = root;
    for (const key of keys) {
      branch[key] ??= {};
      branch = branch[key] as Record<string, unknown>;
    }
    branch[last] = { dtype: "float32", shape: checkpoint.spec(name).shape };
  }
  return mapTree<TensorSpec, TensorSpec>(root as never, (spec) => spec);
}
