/** The first GLM stays with Congling: other formats have no place for its positions and mask, and say so. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { HostTensor } from "../engine/index.ts";
import { initParameters, type ParameterTree, readModelConfig } from "../models/index.ts";
import { createRandom } from "../support/random.ts";
import { exportGguf, exportHf, sourceOfParameters } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-original-glm-"));
afterAll(() => rmSync(folder, { recursive: true }));

const { family, config } = readModelConfig({
  model_type: "glm",
  block_position_encoding: true,
  vocab_size: 32,
  hidden_size: 32,
  num_layers: 1,
  num_attention_heads: 2,
  max_sequence_length: 16,
});
const parameters: ParameterTree<HostTensor> = initParameters(family.parameters(config), createRandom(0));
const source = () => sourceOfParameters({ family, config, parameters });

it.each([
  ["Hugging Face", (to: string) => exportHf(source(), to, { verify: false })],
  ["GGUF", (to: string) => exportGguf(source(), to, { type: "f32", verify: false })],
])("%s", async (name, write) => {
  const to = join(folder, name);
  await expect(write(to)).rejects.toMatchObject({
    code: "EXPORT_UNSUPPORTED",
    message: expect.stringMatching(/position tables.*prefix mask.*\n\s*hint: .*\w/s) as string,
  });
  expect(existsSync(to)).toBe(false);
});
