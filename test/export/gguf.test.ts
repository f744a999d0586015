/**
 * Exported GGUF files answer in llama.cpp: the golden models with the tokens that Hugging Face transformers chose, in
 * every weight type with logits close to Congling's on the same rounded weights.
 */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askLlamaCpp } from "../../src/export/gguf/judge.ts";
import { exportGguf, type GgufExportType, sourceOfCheckpoint } from "../../src/export/index.ts";
import { ggufValue, writeGguf } from "../../src/formats/index.ts";
import { openCheckpoint } from "../../src/models/checkpoint/index.ts";
import { golden, goldenGreedy } from "./golden-greedy.fixture.ts";
import { nodeLlamaCpp, prepareLlamaCpp } from "./llama-cpp.fixture.ts";

const models = {
  "glm-tiny": "chatglm",
  "glm4-0414-tiny": "glm4",
  "llama-tiny": "llama",
  "qwen2-tiny": "qwen2",
  "qwen3-tiny": "qwen3",
};
const canJudge = existsSync(golden) && prepareLlamaCpp();

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "congling-gguf-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function exportModel(model: string, type: GgufExportType, prompt: readonly number[], newTokens: number) {
  const checkpoint = await openCheckpoint(`${golden}/${model}`);
  try {
    const source = sourceOfCheckpoint(checkpoint);
    return await exportGguf(source, join(folder, `${model}-${type}.gguf`), {
      type,
      verify: { nodeLlamaCpp, prompt, newTokens },
    });
  } finally {
    await checkpoint.close();
  }
}

describe.skipIf(!canJudge)("exported models in llama.cpp", () => {
  it.each(Object.entries(models))("%s in f32 answers with the golden tokens", async (model, architecture) => {
    const tokens = await goldenGreedy(model);
    const report = await exportModel(model, "f32", tokens.slice(0, 5), tokens.length - 5);
    expect(report.architecture).toBe(architecture);
    expect(report.verification!.answer.tokens).toEqual(tokens.slice(5));
    expect(report.verification!.ties).toEqual([]);
    expect(report.verification!.error).toBeLessThan(1e-5);
    expect(report.fallbacks).toEqual([]);
  });

  // Which model in which type: each type and each architecture occurs, tied embeddings and rows of 176 among them.
  const rounded = [
    ["glm4-0414-tiny", "f16"],
    ["llama-tiny", "f16"],
    ["glm-tiny", "q8_0"],
    ["qwen3-tiny", "q8_0"],
    ["glm-tiny", "q4_0"],
    ["qwen2-tiny", "q4_0"],
  ] as const;
  it.each(rounded)("%s in %s answers as Congling does with the same rounded weights", async (model, type) => {
    const tokens = await goldenGreedy(model);
    const { verification, fallbacks } = await exportModel(model, type, tokens.slice(0, 5), 16);
    expect(verification!.steps).toBe(16);
    expect(verification!.error).toBeGreaterThan(0);
    // Rows of 176 are no whole blocks: one down projection a layer.
    const isQuantised = type !== "f16" && model === "glm-tiny";
    expect(fallbacks.map(({ name, type, rowLength }) => [name, type, rowLength])).toEqual(
      isQuantised ? [0, 1, 2].map((layer) => [`blk.${layer}.ffn_down.weight`, "f16", 176]) : [],
    );
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("fails loudly, and leaves no file, when the answer differs", async () => {
    const checkpoint = await openCheckpoint(`${golden}/llama-tiny`);
    try {
      const source = sourceOfCheckpoint(checkpoint);
      const file = join(folder, "wrong.gguf");
      const prompt = [3, 4, 5];
      // An answer of another model: the reference is what llama.cpp must not reproduce.
      const logits = [new Float32Array(512).map((_, i) => (i === 7 ? 5 : i / 512))];
      const expected = { prompt, tokens: [7], logits };
      const options = { type: "f32", verify: { nodeLlamaCpp, expected } } as const;
      await expect(exportGguf(source, file, options)).rejects.toThrow(
        /does not answer as Congling does: the logits of step 0/,
      );
      expect(existsSync(file)).toBe(false);
    } finally {
      await checkpoint.close();
    }
  });

  it("llama.cpp's refusal of a file is reported with its messages", async () => {
    const file = join(folder, "no-tensors.gguf");
    await writeGguf(file, new Map([["general.architecture", ggufValue.text("llama")]]), []);
    await expect(askLlamaCpp(file, [1], [2], 8, { nodeLlamaCpp })).rejects.toThrow(/llama\.cpp cannot run/);
  });
});
