/** A model without weights for tests of servers: it says what a function makes of the conversation, byte by byte. */
import { type FakeOptions, fakeSession } from "../../src/inference/fake-session.fixture.ts";
import { type Generator, generateAnswers, streamAnswer } from "../../src/inference/generate.ts";
import type { Model } from "../../src/inference/index.ts";
import { byteTokenizer, thinkingTokens } from "../../src/tokenizers/chat/byte-tokenizer.fixture.ts";

export interface RecitingModel extends Model {
  /** Prompts that were begun, as text. */
  readonly heard: string[];
  /** Sessions that are not disposed. */
  readonly open: () => number;
  /** Tokens computed. */
  readonly computed: () => number;
}

export interface RecitingOptions {
  /** What follows a prompt, given as text with special tokens. */
  readonly say: (prompt: string) => string;
  /** Pause before each token, in ms. Default 0. */
  readonly pause?: number;
  /** Positions. Default 2,000. */
  readonly limit?: number;
}

export function recitingModel({ say, pause = 0, limit = 2000 }: RecitingOptions): RecitingModel {
  const tokenizer = byteTokenizer(thinkingTokens);
  const vocabulary = tokenizer.vocabularySize;
  const endId = tokenizer.ids.end!;
  const heard: string[] = [];
  let open = 0;
  let computed = 0;
  const generator: Generator = {
    session({ rows }) {
      open++;
      const starts: number[] = [];
      const script: number[][] = [];
      const logits: NonNullable<FakeOptions["logits"]> = (text) => {
        if (starts.length === 0) {
          starts.push(text.length);
          const prompt = tokenizer.decode(text, { skipSpecialTokens: false });
          heard.push(prompt);
          script.push([...tokenizer.encode(say(prompt)), endId]);
        }
        computed++;
        const scores = new Array<number>(vocabulary).fill(0);
        scores[script[0]![text.length - starts[0]!] ?? endId] = 30;
        return scores;
      };
      const session = fakeSession({ rows, vocabulary, limit, logits });
      const feed = session.feed.bind(session);
      return Object.assign(session, {
        feed: async (...given: Parameters<typeof feed>) => {
          if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
          return feed(...given);
        },
        dispose: async () => {
          open--;
        },
      });
    },
    tokenizer,
    vocabulary,
    limit,
    endIds: [endId],
    padId: undefined,
    unusedIds: [],
  };
  return {
    config: {
      family: "glm",
      vocabulary,
      hidden: 1,
      layers: 1,
      heads: 1,
      keyValueHeads: 1,
      headSize: 1,
      contextLength: limit,
      endIds: [endId],
    },
    tokenizer,
    dtype: "float32",
    endIds: [endId],
    heard,
    open: () => open,
    computed: () => computed,
    forward: () => Promise.reject(new Error("not part of the fake")),
    generate: ({ inputIds, ...options }) => generateAnswers(generator, inputIds as number[][], options),
    stream: ({ inputIds, ...options }) => streamAnswer(generator, inputIds as number[], options),
    save: () => Promise.reject(new Error("not part of the fake")),
    dispose: async () => {},
  };
}
