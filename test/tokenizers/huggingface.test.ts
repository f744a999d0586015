/** tokenizer.json against Hugging Face tokenizers 0.23.2: every text of the golden file, ids, tokens and decoded text. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createIncrementalDecoder, parseTokenizerJson } from "../../src/tokenizers/index.ts";

const folder = new URL("../../../shared/golden/tokenizers/", import.meta.url);
const present = existsSync(new URL("bytelevel-bpe.tokenizer.json", folder));

interface Golden {
  readonly corpus_tokens: number;
  readonly cases: readonly { text: string; ids: number[]; tokens: string[]; decoded: string }[];
}

describe.skipIf(!present)("the golden byte-level BPE", () => {
  const tokenizer = present
    ? parseTokenizerJson(readFileSync(new URL("bytelevel-bpe.tokenizer.json", folder)))
    : parseTokenizerJson('{"model":{"type":"BPE","vocab":{},"merges":[]}}');
  const golden: Golden = present
    ? JSON.parse(readFileSync(new URL("bytelevel-bpe.golden.json", folder), "utf8"))
    : { corpus_tokens: 0, cases: [] };

  it("gives the ids, tokens and decoded text of every case", () => {
    expect(golden.cases.length).toBeGreaterThan(60);
    for (const { text, ids, tokens, decoded } of golden.cases) {
      const got = tokenizer.encode(text, { special: "all" });
      expect(got, text).toEqual(ids);
      expect(
        got.map((id) => tokenizer.tokenOf(id)),
        text,
      ).toEqual(tokens);
      expect(tokenizer.decode(got), text).toBe(decoded);
    }
  });

  it("gives as many tokens for the lines of the corpus, and the corpus back", () => {
    const corpus = readFileSync(new URL("corpus.txt", folder), "utf8");
    const counts = corpus.split("\n").map((line) => tokenizer.encode(line).length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(golden.corpus_tokens);
    expect(tokenizer.decode(tokenizer.encode(corpus))).toBe(corpus);
  });

  it("streams every case without half a character", () => {
    for (const { text, ids, decoded } of golden.cases) {
      const decoder = createIncrementalDecoder(tokenizer);
      const parts = [...ids.map((id) => decoder.push(id)), decoder.flush()];
      expect(parts.join(""), text).toBe(decoded);
      if (!text.includes("\ufffd")) expect(parts.every((part) => !part.includes("\ufffd"))).toBe(true);
    }
  });
});
