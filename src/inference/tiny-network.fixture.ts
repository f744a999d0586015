/** Tiny networks of every family, with parameters that any machine makes alike. */
import { referenceBackend } from "../engine/backends/reference/index.ts";
import { type Backend, type HostTensor, hostTensor } from "../engine/index.ts";
import { initParameters, readModelConfig } from "../models/index.ts";
import { tinyConfigs } from "../models/tiny-configs.fixture.ts";
import { waves } from "../nn/run-traced.fixture.ts";
import { createRandom } from "../support/random.ts";
import type { Network, Prefix } from "./session/network.ts";

/** Families that write text, and those of them that need a prompt with a blank. */
export const writingFamilies = Object.keys(tinyConfigs).filter((name) => name !== "bert");

/** A prompt that every family can lay out: a mask (18), and the start token (20) behind it. */
export const tinyPrompt: readonly number[] = [5, 18, 7, 9, 20];

export function tinyNetwork(name: string, options: { prefix?: Prefix; backend?: Backend } = {}): Network {
  const { family, config } = readModelConfig(tinyConfigs[name]!);
  const fresh = initParameters(family.parameters(config), createRandom(3)) as Parameters<typeof waves>[0];
  const { prefix, backend = referenceBackend() } = options;
  return { family, config, parameters: waves(fresh), prefix, backend };
}

/** A prefix of `length` for a tiny network. */
export function tinyPrefix(name: string, length: number, takesPositions: boolean): Prefix {
  const { config } = readModelConfig(tinyConfigs[name]!);
  const shape = [1, config.keyValueHeads, length, config.headSize];
  const random = createRandom(8);
  const values = (): HostTensor => hostTensor("float32", shape, random.normalArray(shape.reduce((a, b) => a * b)));
  const layers = Array.from({ length: config.layers }, () => ({ key: values(), value: values() }));
  return { layers, takesPositions };
}
