/** A model without weights for tests of everything above the session contract: logits are a fixed function of the text. */
import { createRandom } from "../support/random.ts";
import type { DecodingSession, Logits } from "./decoding-session.ts";

export interface FakeSession extends DecodingSession {
  /** Columns of every feed, to see how often and how much was run. */
  readonly feeds: number[];
  /** What the rows hold now. */
  readonly texts: readonly (readonly number[])[];
}

export interface FakeOptions {
  readonly rows?: number;
  readonly vocabulary?: number;
  readonly limit?: number;
  /** Logits after a text. Default: pseudo-random ones that depend on the last two tokens. */
  readonly logits?: (text: readonly number[]) => readonly number[];
}

/** Logits that depend on the last `memory` tokens only. */
export const markovLogits =
  (vocabulary: number, memory = 2, seed = 5) =>
  (text: readonly number[]): number[] => [
    ...createRandom(seed).fork(text.slice(-memory).join()).normalArray(vocabulary, 0, 2),
  ];

export function fakeSession(options: FakeOptions = {}): FakeSession {
  const { rows = 1, vocabulary = 12, limit = 64 } = options;
  const after = options.logits ?? markovLogits(vocabulary);
  let texts: number[][] = Array.from({ length: rows }, () => []);
  let length = 0;
  const feeds: number[] = [];
  return {
    rows,
    vocabulary,
    limit,
    feeds,
    get texts() {
      return texts;
    },
    get length() {
      return length;
    },
    async feed(ids, { logits = "last" } = {}): Promise<Logits> {
      const count = Math.max(...ids.map((row) => row.length));
      if (length + count > limit) throw new Error("the fake is full");
      if (ids.length !== rows) throw new Error("wrong rows");
      feeds.push(count);
      length += count;
      const columns = logits === "all" ? count : 1;
      const data = ids.flatMap((row, r) => {
        const before = texts[r]!;
        texts[r] = [...before, ...row];
        return Array.from({ length: columns }, (_, c) =>
          after(texts[r]!.slice(0, texts[r]!.length - (columns - 1 - c))),
        ).flat();
      });
      return { data: Float32Array.from(data), shape: [rows, columns, vocabulary] };
    },
    async reorder(sources) {
      texts = sources.map((source) => [...texts[source]!]);
    },
    truncate(to) {
      texts = texts.map((text) => text.slice(0, text.length - (length - to)));
      length = to;
    },
    async dispose() {},
  };
}
