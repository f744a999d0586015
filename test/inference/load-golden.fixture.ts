/** Golden model folders as networks that run. */
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import type { Network } from "../../src/inference/session/network.ts";
import { loadParameters, openCheckpoint } from "../../src/models/checkpoint/index.ts";
import { readModelConfig } from "../../src/models/index.ts";
import { pathOf } from "../nn/golden-files.fixture.ts";

export async function loadGoldenNetwork(name: string): Promise<Network> {
  const checkpoint = await openCheckpoint(pathOf(name));
  try {
    const { family, config } = readModelConfig(checkpoint.config);
    const parameters = await loadParameters(checkpoint, family.parameters(config), {
      ignored: (tensor) => family.ignores?.(config, tensor) ?? false,
    });
    return { family, config, parameters, backend: onnxruntimeBackend({ threads: 1 }) };
  } finally {
    await checkpoint.close();
  }
}
