/**
 * Prompt tuning as a prefix: virtual tokens see only each other, so their keys and values are the same before every text,
 * and are computed once, when the model is loaded. From there on all is as with a prefix that takes positions.
 */
import { type PromptAdapter, withEmbedding } from "../adapters/index.ts";
import { type HostTensor, hostTensor, mapTree, specOf, type Tensor, type TensorSpec, trace } from "../engine/index.ts";
import type { ParameterTree } from "../models/index.ts";
import { assignCache, cacheSpec, emptyCache, type KeysAndValues } from "../nn/index.ts";
import { CongError } from "../support/errors.ts";
import type { Network, Prefix } from "./session/network.ts";
import { cacheNames, named } from "./session/program.ts";

/**
 * Keys and values of the P virtual tokens, one a layer, each [1, G, P, D].
 * @throws CongError `OTHER_MODEL` when sizes differ, `BAD_ARGUMENT` for families in which later tokens are seen
 */
export async function promptPrefix(network: Network, { embeddings, layers }: PromptAdapter): Promise<Prefix> {
  const { family, config, backend } = network;
  const [length, hidden] = embeddings.shape as [number, number];
  if (layers !== config.layers || hidden !== config.hidden) {
    throw new CongError(
      "OTHER_MODEL",
      `the prompt was trained for ${layers} layers of ${hidden} channels, the model has ${config.layers} of ${config.hidden}`,
      { prompt: { layers, hidden }, model: { layers: config.layers, hidden: config.hidden } },
      "use the prompt with the model that it was trained for",
    );
  }
  if (family.mask !== "causal") {
    throw new CongError(
      "BAD_ARGUMENT",
      `prompt tuning needs a model that only looks back, ${config.family} does not`,
      { family: config.family },
      "use lora or ptuning-v2 with it",
    );
  }
  // The rest of the tree (the output layer) is not needed for keys and values.
  const { model } = withEmbedding(network.parameters, embeddings) as { readonly model: ParameterTree<HostTensor> };
  const size = { batch: 1, keyValueHeads: config.keyValueHeads, capacity: length, headSize: config.headSize };
  const graph = trace((builder) => {
    const weights = { model: builder.constants("model.model", mapTree<HostTensor, TensorSpec>(model, specOf)) };
    const spec = Array.from({ length: config.layers }, () => cacheSpec(size));
    const cache = builder.state("cache", spec) as readonly KeysAndValues<Tensor>[];
    const ids = builder.input("ids", "int64", [1, length]);
    const start = builder.input("start", "int64", [1]);
    const forward = family.forward(config, weights as ParameterTree<Tensor>, { ids, cache: { layers: cache, start } });
    forward.cache!.forEach((next, i) => {
      assignCache(cache[i]!, next);
    });
  });
  const program = await backend.compile(graph, { constants: named(model, "model.model") });
  try {
    for (const name of cacheNames(network)) program.writeState(name, emptyCache(size).key);
    const rows = Array.from({ length }, (_, i) => i);
    await program.run({ ids: hostTensor("int64", [1, length], rows), start: hostTensor("int64", [1], [0]) });
    const read = (i: number, part: "key" | "value") => program.readState(`cache.${i}.${part}`);
    return {
      layers: Array.from({ length: config.layers }, (_, i) => ({ key: read(i, "key"), value: read(i, "value") })),
      takesPositions: true,
    };
  } finally {
    await program.dispose();
  }
}
