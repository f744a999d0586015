/** Models whose scores are known without computing: for tests of everything above a forward pass. */
import type { ForwardRequest, Model } from "../../src/inference/index.ts";
import { byteTokenizer, glmTokens } from "../../src/tokenizers/chat/byte-tokenizer.fixture.ts";

export interface FakeOptions {
  /** Score of `next` after `before`. Default: all alike. */
  readonly score?: (before: readonly number[], next: number) => number;
  /** What is written after a prompt. Default: nothing. */
  readonly write?: (prompt: string) => string;
  readonly limit?: number;
}

export function uniformModel(options: FakeOptions = {}) {
  const { score = () => 0, write = () => "", limit = 4000 } = options;
  const tokenizer = byteTokenizer(glmTokens);
  const V = tokenizer.vocabularySize;
  let calls = 0;
  const model: Model = {
    config: {
      family: "glm",
      vocabulary: V,
      hidden: 1,
      layers: 1,
      heads: 1,
      keyValueHeads: 1,
      headSize: 1,
      contextLength: limit,
      endIds: [1000],
    },
    tokenizer,
    dtype: "float32",
    endIds: [1000],
    async forward({ inputIds, at }: ForwardRequest) {
      calls++;
      const rows = inputIds as readonly (readonly number[])[];
      const T = rows[0]!.length;
      const places = at ?? rows.flatMap((_, r) => Array.from({ length: T }, (_, t) => [r, t] as const));
      const data = new Float32Array(places.length * V);
      places.forEach(([r, t], place) => {
        const before = rows[r]!.slice(0, t + 1);
        for (let next = 0; next < V; next++) data[place * V + next] = score(before, next);
      });
      return { logits: { data, shape: at === undefined ? [rows.length, T, V] : [1, at.length, V] } };
    },
    async generate({ inputIds }) {
      calls++;
      return (inputIds as readonly (readonly number[])[]).map((ids) => ({
        ids: [],
        text: write(tokenizer.decode(ids)),
        finish: "stop" as const,
      }));
    },
    stream: () => {
      throw new Error("not part of the fake");
    },
    save: () => Promise.reject(new Error("not part of the fake")),
    dispose: async () => {},
  };
  return { model, tokenizer, calls: () => calls };
}
