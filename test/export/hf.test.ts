/** Exported Hugging Face folders: what comes out is what went in, for every family of the golden models. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportHf, sourceOfCheckpoint } from "../../src/export/index.ts";
import { openSafetensors } from "../../src/formats/index.ts";
import { openCheckpoint } from "../../src/models/checkpoint/index.ts";
import { golden } from "./golden-greedy.fixture.ts";

const models = [
  "glm-tiny",
  "glm4-0414-tiny",
  "glm4-moe-tiny",
  "llama-tiny",
  "qwen2-tiny",
  "qwen3-tiny",
  "bert-tiny",
  "chatglm3-tiny-thudm",
];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "congling-hf-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(!existsSync(golden))("exported Hugging Face folders", () => {
  it.each(models)("%s holds the tensors of the original file, bit for bit", async (model) => {
    const checkpoint = await openCheckpoint(`${golden}/${model}`);
    try {
      const to = join(folder, model);
      const { tensors } = await exportHf(sourceOfCheckpoint(checkpoint), to);
      const written = await openSafetensors(to);
      // THUDM's layout comes out under Hugging Face names: those of glm-tiny, whose weights it holds.
      const original = await openSafetensors(`${golden}/${model.startsWith("chatglm3") ? "glm-tiny" : model}`);
      expect(written.names).toHaveLength(tensors);
      for (const name of written.names) expect(await written.read(name)).toEqual(await original.read(name));
      await written.close();
      await original.close();
    } finally {
      await checkpoint.close();
    }
  });

  it("refuses a folder with a P-Tuning v2 prefix, which would be lost", async () => {
    const checkpoint = await openCheckpoint(`${golden}/glm-tiny`);
    expect(() => sourceOfCheckpoint({ ...checkpoint, hasPrefixEncoder: true })).toThrow(/P-Tuning v2 prefix/);
    await checkpoint.close();
  });

  it("writes bfloat16 shards with an index", async () => {
    const checkpoint = await openCheckpoint(`${golden}/glm-tiny`);
    try {
      const to = join(folder, "sharded");
      await exportHf(sourceOfCheckpoint(checkpoint), to, { dtype: "bfloat16", maxShardBytes: 100_000 });
      expect(await readdir(to)).toContain("model.safetensors.index.json");
      const written = await openSafetensors(to);
      expect((await written.info("model.norm.weight")).dtype).toBe("BF16");
      await written.close();
    } finally {
      await checkpoint.close();
    }
  });
});
