/** A merged model answers as base and adapter together did; what no weight can hold is refused. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { initLora, initPrefix, type LoraAdapter, saveAdapter } from "../adapters/index.ts";
import { referenceBackend } from "../engine/backends/reference/index.ts";
import { elementCount } from "../engine/index.ts";
import { loadModel } from "../inference/index.ts";
import { initParameters, openCheckpoint, readModelConfig } from "../models/index.ts";
import { createRandom } from "../support/random.ts";
import { type ExportSource, exportHf, sourceOfMerged, sourceOfParameters } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-merged-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const { family, config } = readModelConfig({
  model_type: "glm",
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 8,
  max_position_embeddings: 16,
});
const parameters = initParameters(family.parameters(config), createRandom(0));
const shape = { length: 3, layers: 2, keyValueHeads: 1, headSize: 8 };

/** Fresh adapters change nothing: B is zero. This one has numbers everywhere. */
function trainedLora(): LoraAdapter {
  const fresh = initLora(parameters, { targetModules: "all-linear", rank: 2, alpha: 6 }, createRandom(1));
  const random = createRandom(2);
  const modules = [...fresh.modules].map(([name, module]) => {
    const data = random.normalArray(elementCount(module.b.shape), 0, 0.3);
    return [name, { ...module, b: { ...module.b, data } }] as const;
  });
  return { ...fresh, modules: new Map(modules) };
}

beforeAll(async () => {
  await exportHf(sourceOfParameters({ family, config, parameters }), at("base"), { verify: false });
  await saveAdapter(at("lora"), trainedLora());
  await saveAdapter(at("prefix"), initPrefix({ ...shape, occupiesPositions: true }, createRandom(3)));
});

async function logitsOf(model: string, adapter?: string): Promise<number[]> {
  const loaded = await loadModel(at(model), { adapter, backend: referenceBackend() });
  try {
    return [...(await loaded.forward({ inputIds: [1, 5, 9, 30, 2] })).logits.data];
  } finally {
    await loaded.dispose();
  }
}

/** Opens the base, and closes it after `use`. */
async function withMerged<T>(adapter: string, use: (source: ExportSource) => Promise<T>, prefix = false): Promise<T> {
  const checkpoint = await openCheckpoint(at("base"));
  try {
    return await use(await sourceOfMerged({ ...checkpoint, hasPrefixEncoder: prefix }, at(adapter)));
  } finally {
    await checkpoint.close();
  }
}

it("answers as base and adapter together, not as the base", async () => {
  await withMerged("lora", (source) => exportHf(source, at("merged"), { verify: false }));
  const [base, attached, merged] = [
    await logitsOf("base"),
    await logitsOf("base", at("lora")),
    await logitsOf("merged"),
  ];
  const apart = (a: number[], b: number[]) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
  expect(apart(base, attached)).toBeGreaterThan(0.01);
  expect(apart(merged, attached)).toBeLessThan(1e-5);
});

it("refuses a prefix, and says what to do", async () => {
  await expect(withMerged("prefix", async () => {})).rejects.toMatchObject({
    code: "EXPORT_UNSUPPORTED",
    message: expect.stringMatching(/learned prefix.*\n\s*hint: export the base model/s) as string,
  });
});

it("refuses a base that holds a prefix itself, which would be lost", async () => {
  await expect(withMerged("lora", async () => {}, true)).rejects.toMatchObject({ code: "EXPORT_UNSUPPORTED" });
});
