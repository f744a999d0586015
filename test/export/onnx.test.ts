/** Exported ONNX models answer in a bare onnxruntime session, with the tokens that Hugging Face transformers chose. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportOnnx, sourceOfCheckpoint } from "../../src/export/index.ts";
import { openCheckpoint } from "../../src/models/checkpoint/index.ts";
import { golden, goldenGreedy } from "./golden-greedy.fixture.ts";

const models = ["glm-tiny", "glm4-0414-tiny", "glm4-moe-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny"];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "congling-onnx-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(!existsSync(golden))("exported models in a bare onnxruntime session", () => {
  it.each(models)("%s answers with the golden tokens", async (model) => {
    const tokens = await goldenGreedy(model);
    const checkpoint = await openCheckpoint(`${golden}/${model}`);
    try {
      const prompt = tokens.slice(0, 5);
      const to = join(folder, model);
      const { verification, operators } = await exportOnnx(sourceOfCheckpoint(checkpoint), to, { verify: { prompt } });
      expect(verification!.answer.tokens).toEqual(tokens.slice(5));
      expect(verification!.ties).toEqual([]);
      expect(verification!.error).toBeLessThan(1e-5);
      expect(operators.filter((name) => name.includes(".") && !name.startsWith("com.microsoft."))).toEqual([]);
      expect((await readdir(to)).sort()).toEqual(["config.json", "model.onnx", "model.onnx_data"]);
    } finally {
      await checkpoint.close();
    }
  });
});
