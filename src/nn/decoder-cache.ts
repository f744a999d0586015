/**
 * Generating with the decoder: hidden states of T new tokens, given the keys and values of all earlier ones.
 *
 * B batch, T new tokens, C hidden.
 */
import type { HostTensor, Tensor, TensorSpec } from "../engine/index.ts";
import type { KeysAndValues } from "./attention.ts";
import { assignCache, type CacheSize, cacheSpec, emptyCache, positionsFrom } from "./attention-cache.ts";
import { cachedBlock } from "./block.ts";
import { type Decoder, type DecoderConfig, type DecoderOptions, decoderFrequencies } from "./decoder.ts";
import { embedding } from "./embedding.ts";
import { rmsNormLayer } from "./norm.ts";
import { rotaryConstants, rotaryRows, rotaryTables } from "./rotary-tables.ts";

/** One cache per layer. */
export type DecoderCache<Leaf> = readonly KeysAndValues<Leaf>[];

export interface DecoderCacheOptions {
  readonly batch: number;
  /** Tokens that fit, prompt and answer together. */
  readonly capacity: number;
}

const sizeOf = (config: DecoderConfig, options: DecoderCacheOptions): CacheSize => ({
  ...options,
  keyValueHeads: config.keyValueHeads ?? config.heads,
  headSize: config.hidden / config.heads,
});

/** Types of the cache, for `builder.state`. */
export const decoderCacheSpec = (config: DecoderConfig, options: DecoderCacheOptions): DecoderCache<TensorSpec> =>
  Array.from({ length: config.layers }, () => cacheSpec(sizeOf(config, options)));

/** An empty cache, for `writeState`. */
export const emptyDecoderCache = (config: DecoderConfig, options: DecoderCacheOptions): DecoderCache<HostTensor> =>
  Array.from({ length: config.layers }, () => emptyCache(sizeOf(config, options)));

/**
 * Runs T new tokens and makes the cache's state slots hold them after the run.
 * @param tokens [B, T]
 * @param cache state of the program
 * @param start int64 [1]: how many tokens the cache holds; start + T may not pass the capacity
 * @returns hidden states after the final norm, [B, T, C]
 */
export function decoderStep(
  parameters: Decoder<Tensor>,
  tokens: Tensor,
  cache: DecoderCache<Tensor>,
  start: Tensor,
  options: Omit<DecoderOptions, "dropout" | "recompute">,
): Tensor {
  const { builder } = tokens;
  const { heads, normEpsilon: epsilon = 1e-5 } = options;
  const capacity = Number(cache[0]!.key.shape[2]);
  const rotary = builder.scope("positions", () => {
    const positions = positionsFrom(start, tokens.shape[1]!); // (T)
    const tables = rotaryConstants(tokens, rotaryTables(capacity, decoderFrequencies(parameters, options)));
    return rotaryRows(tables, positions);
  });
  let x = builder.scope("embedding", () => embedding(parameters.embedding, tokens));
  parameters.layers.forEach((layer, i) => {
    x = builder.scope(`layers.${i}`, () => {
      const result = cachedBlock(layer, x, { heads, rotary, epsilon, cache: cache[i]!, start });
      assignCache(cache[i]!, result.cache);
      return result.output;
    });
  });
  return builder.scope("norm", () => rmsNormLayer(parameters.norm, x, { epsilon }));
}
