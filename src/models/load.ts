/** From a folder to a family, its configuration and its parameters. */
import type { HostTensor } from "../engine/index.ts";
import {
  type Checkpoint,
  isRotaryBuffer,
  type LoadParametersOptions,
  loadParameters,
  openCheckpoint,
} from "./checkpoint/index.ts";
import type { ModelConfig, ModelFamily, ParameterTree } from "./family.ts";
import { readModelConfig } from "./registry.ts";

export interface LoadedParameters<Leaf extends object = HostTensor> {
  readonly family: ModelFamily;
  readonly config: ModelConfig;
  readonly parameters: ParameterTree<Leaf>;
}

/** What is kept of the tensors of a checkpoint, whole or by rows. */
export type Keep<Leaf extends object> = Pick<LoadParametersOptions<Leaf>, "transform" | "rows">;

/**
 * Reads a model folder whole.
 * @param keep what to keep of each tensor (quantised weights, say). Default: float32.
 * @throws CongError that names what the folder lacks or what does not fit; nothing is half-loaded
 */
export async function loadModelParameters<Leaf extends object = HostTensor>(
  folder: string,
  keep: Keep<Leaf> = {},
): Promise<LoadedParameters<Leaf>> {
  const checkpoint = await openCheckpoint(folder);
  try {
    return await parametersFrom(checkpoint, keep);
  } finally {
    await checkpoint.close();
  }
}

/** The same from a checkpoint that is already open. */
export async function parametersFrom<Leaf extends object = HostTensor>(
  checkpoint: Checkpoint,
  keep: Keep<Leaf> = {},
): Promise<LoadedParameters<Leaf>> {
  const { family, config } = readModelConfig(checkpoint.config);
  const ignored = (name: string) => isRotaryBuffer(name) || (family.ignores?.(config, name) ?? false);
  const parameters = await loadParameters<Leaf>(checkpoint, family.parameters(config), { ...keep, ignored });
  return { family, config, parameters };
}
