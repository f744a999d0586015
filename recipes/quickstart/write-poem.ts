/** Writing with a trained decoder: one character at a time, each drawn from the model's distribution. */
import {
  type Backend,
  flattenTree,
  type HostTensor,
  hostTensor,
  mapTree,
  reshape,
  specOf,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import {
  type Decoder,
  type DecoderConfig,
  decoderCacheSpec,
  decoderStep,
  emptyDecoderCache,
  hiddenLogits,
  type KeysAndValues,
} from "../../src/nn/index.ts";
import type { Random } from "../../src/support/random.ts";
import { boundary, unknown } from "./poems.ts";

export interface Writer {
  /**
   * Continues `opening` (tokens) until the model ends the poem or it is full, and returns the whole.
   * Below 1, `temperature` favours the likely characters.
   */
  write(opening: readonly number[], temperature: number, random: Random): Promise<number[]>;
  dispose(): Promise<void>;
}

/** Compiles the model for one token at a time with a cache of `capacity` tokens. The parameters become constants. */
export async function createWriter(
  backend: Backend,
  parameters: Decoder<HostTensor>,
  config: DecoderConfig,
  capacity: number,
): Promise<Writer> {
  const sizes = { batch: 1, capacity };
  const graph = trace((builder) => {
    const model = mapTree<HostTensor, Tensor, Decoder<HostTensor>>(parameters, (leaf, path) =>
      builder.constants(`model.${path}`, specOf(leaf)),
    ) as Decoder<Tensor>;
    const cache = builder.state("cache", decoderCacheSpec(config, sizes) as KeysAndValues<TensorSpec>[]);
    const token = builder.input("token", "int64", [1, 1]);
    const hidden = decoderStep(model, token, cache, builder.input("start", "int64", [1]), config);
    builder.output("logits", reshape(hiddenLogits(model, hidden), [config.vocabulary]));
  });
  const constants = Object.fromEntries(flattenTree<HostTensor>(parameters, "model"));
  const program = await backend.compile(graph, { constants });
  const emptyCache = flattenTree<HostTensor>(emptyDecoderCache(config, sizes), "cache");
  return {
    async write(opening, temperature, random) {
      for (const [name, leaf] of emptyCache) program.writeState(name, leaf);
      const tokens = [boundary, ...opening];
      for (let at = 0; at < capacity; at++) {
        const { logits } = await program.run({
          token: hostTensor("int64", [1, 1], [tokens[at]!]),
          start: hostTensor("int64", [1], [at]),
        });
        if (at + 1 < tokens.length) continue;
        const next = draw(toNumbers(logits!), temperature, random);
        if (next === boundary) break;
        tokens.push(next);
      }
      return tokens.slice(1);
    },
    dispose: () => program.dispose(),
  };
}

/** One token from softmax(logits / temperature), never the unknown character. */
function draw(logits: readonly number[], temperature: number, random: Random): number {
  const highest = Math.max(...logits);
  const weights = logits.map((logit, token) => (token === unknown ? 0 : Math.exp((logit - highest) / temperature)));
  let left = random.uniform() * weights.reduce((total, weight) => total + weight, 0);
  const drawn = weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return drawn < 0 ? boundary : drawn;
}

/** Part of the half-couplets of `poems` that stand word for word in `sources`: how much is recited, not written. */
export function copiedShare(poems: readonly string[], sources: readonly string[]): number {
  const halves = (texts: readonly string[]) => texts.flatMap((text) => text.match(/\p{Script=Han}+/gu) ?? []);
  const known = new Set(halves(sources));
  const written = halves(poems);
  return written.filter((half) => known.has(half)).length / Math.max(1, written.length);
}
