import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { flattenTree, type HostTensor, type TensorSpec, type Tree, toNumbers } from "../../engine/index.ts";
import { type TensorSource, writeSafetensors, writeShardedSafetensors } from "../../formats/index.ts";
import { float32ToBfloat16 } from "../../support/half-precision.ts";
import { loadParameters } from "./load-parameters.ts";
import { openCheckpoint } from "./open.ts";

const spec = (...shape: number[]): TensorSpec => ({ dtype: "float32", shape });
const specs: Tree<TensorSpec> = {
  model: { layers: [{ weight: spec(2, 3) }, { weight: spec(2, 3) }], norm: { weight: spec(3) } },
};
const source = (name: string, shape: number[], first: number): TensorSource => {
  const length = shape.reduce((a, b) => a * b, 1);
  return { name, dtype: "F32", shape, data: Float32Array.from({ length }, (_, i) => first + i) };
};
const tensors = [
  source("model.layers.0.weight", [2, 3], 0),
  source("model.layers.1.weight", [2, 3], 10),
  source("model.norm.weight", [3], 20),
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
  writeFileSync(join(folder, "config.json"), '{"model_type": "toy"}');
});
afterEach(() => rmSync(folder, { recursive: true }));

const load = async (ignored?: (name: string) => boolean): Promise<Map<string, HostTensor>> => {
  const checkpoint = await openCheckpoint(folder);
  try {
    return new Map(flattenTree<HostTensor>(await loadParameters(checkpoint, specs, { ignored })));
  } finally {
    await checkpoint.close();
  }
};

describe("loadParameters", () => {
  it.each([
    ["one file", 1e9],
    ["shards", 30],
  ])("fills the tree from %s", async (_, maxShardBytes) => {
    await writeShardedSafetensors(folder, tensors, { maxShardBytes });
    const loaded = await load();
    expect([...loaded.keys()]).toEqual(["model.layers.0.weight", "model.layers.1.weight", "model.norm.weight"]);
    expect(toNumbers(loaded.get("model.layers.1.weight")!)).toEqual([10, 11, 12, 13, 14, 15]);
  });

  it("widens halves", async () => {
    const data = float32ToBfloat16(Float32Array.of(1, -2, 0.5));
    const norm: TensorSource = { name: "model.norm.weight", dtype: "BF16", shape: [3], data };
    await writeSafetensors(join(folder, "model.safetensors"), [...tensors.slice(0, 2), norm]);
    expect((await load()).get("model.norm.weight")).toEqual({
      dtype: "float32",
      shape: [3],
      data: Float32Array.of(1, -2, 0.5),
    });
  });

  it("names every missing, unexpected and misshapen tensor in one error", async () => {
    const odd = [tensors[0]!, source("model.norm.weight", [4], 0), source("model.layer.1.weight", [2, 3], 0)];
    await writeSafetensors(join(folder, "model.safetensors"), odd);
    await expect(load()).rejects.toMatchObject({
      code: "OTHER_MODEL",
      details: {
        problems: [
          '"model.layers.1.weight" [2, 3] is missing (there is "model.layer.1.weight")',
          '"model.norm.weight" is [4], wanted [3]',
          '"model.layer.1.weight" is not part of the model',
        ],
      },
    });
  });

  it("leaves rotary buffers and what the caller ignores alone", async () => {
    await writeSafetensors(join(folder, "model.safetensors"), [...tensors, source("a.rotary_emb.inv_freq", [2], 0)]);
    expect((await load()).size).toBe(3);
    await expect(load(() => false)).rejects.toThrow(/inv_freq" is not part of the model/);
  });

  it("hands each tensor to transform as soon as it is read", async () => {
    await writeSafetensors(join(folder, "model.safetensors"), tensors);
    const checkpoint = await openCheckpoint(folder);
    const sums = await loadParameters<{ dtype: string; shape: number[]; sum: number }>(checkpoint, specs, {
      transform: (path, tensor) => ({ dtype: path, shape: [], sum: toNumbers(tensor).reduce((a, b) => a + b) }),
    });
    await checkpoint.close();
    expect(sums).toMatchObject({ model: { norm: { weight: { dtype: "model.norm.weight", sum: 63 } } } });
  });
});

describe("openCheckpoint", () => {
  const shards = ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"] as const;
  const index = async (change: (index: { metadata: object; weight_map: Record<string, string> }) => void) => {
    await writeShardedSafetensors(folder, tensors, { maxShardBytes: 24 });
    const content = {
      metadata: { total_size: 60 },
      weight_map: {
        "model.layers.0.weight": shards[0] as string,
        "model.layers.1.weight": shards[1] as string,
        "model.norm.weight": "model-00003-of-00003.safetensors",
      },
    };
    change(content);
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(content));
  };
  const problems = async (): Promise<string> =>
    openCheckpoint(folder).then(
      async (checkpoint) => {
        await checkpoint.close();
        return "none";
      },
      (error: Error) => error.message,
    );

  it("opens an index that is right", async () => {
    await index(() => {});
    expect(await problems()).toBe("none");
  });

  it("reports a shard that is not there", async () => {
    await index(() => {});
    rmSync(join(folder, shards[1]));
    expect(await problems()).toContain(`the shard ${shards[1]} is not in the folder`);
  });

  it("reports a tensor that is in another shard, and one in none", async () => {
    await index(({ weight_map }) => {
      weight_map["model.layers.0.weight"] = shards[1];
      weight_map["model.extra"] = shards[0];
    });
    const message = await problems();
    expect(message).toContain(`"model.layers.0.weight" is not in ${shards[1]}, where the index puts it; it is in`);
    expect(message).toContain(`"model.extra" is not in ${shards[0]}`);
  });

  it("reports a tensor that two shards hold, and one that the index leaves out", async () => {
    await index(() => {});
    await writeSafetensors(join(folder, shards[1]), [tensors[0]!, tensors[1]!, source("model.extra", [1], 0)]);
    const message = await problems();
    expect(message).toContain(`"model.layers.0.weight" is in several shards: ${shards[0]}, ${shards[1]}`);
    expect(message).toContain(`"model.extra" of ${shards[1]} is not in the index`);
  });

  it("reports a wrong total, unless told to ignore it", async () => {
    await index(({ metadata }) => Object.assign(metadata, { total_size: 61 }));
    expect(await problems()).toContain("states total_size 61, the tensors of the shards have 60 bytes");
    const checkpoint = await openCheckpoint(folder, { indexTotal: "ignore" });
    expect(checkpoint.spec("model.norm.weight")).toEqual({ dtype: "float32", shape: [3] });
    expect(() => checkpoint.spec("model.norm.weigth")).toThrow(/did you mean "model.norm.weight"/);
    await checkpoint.close();
  });

  it.each(["../model.safetensors", "/etc/passwd", "..", "a\\b", "C:x"])("refuses the shard name %j", async (name) => {
    await index(({ weight_map }) => {
      weight_map["model.norm.weight"] = name;
    });
    expect(await problems()).toContain("plain file name");
  });

  it.each([
    ["{", "config.json"],
    ["[]", "not a JSON object"],
  ])("refuses the config %j", async (text, reason) => {
    await writeSafetensors(join(folder, "model.safetensors"), tensors);
    writeFileSync(join(folder, "config.json"), text);
    expect(await problems()).toContain(reason);
  });

  it("says what is wrong with a path that is no model folder", async () => {
    await expect(openCheckpoint(join(folder, "nothing"))).rejects.toMatchObject({ code: "PATH_NOT_FOUND" });
    await expect(openCheckpoint(join(folder, "config.json"))).rejects.toMatchObject({ code: "PATH_NOT_FOUND" });
    await expect(openCheckpoint(folder)).rejects.toThrow(/no weights in/);
  });
});
