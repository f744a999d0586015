import { describe, expect, it } from "vitest";
import { tokenizerConfig, tokenizerJson, tokenizerOf, trainByteLevelBpe } from "./index.ts";

const texts = ["low lower lowest ", "new newer newest "];

describe("trainByteLevelBpe", () => {
  it("merges the most frequent pair first, lower ids first among equals", async () => {
    const trained = await trainByteLevelBpe(["abab abab cd"], { vocabularySize: 259, initialAlphabet: "bytes" });
    const pair = (merge: readonly [number, number]): string => merge.map((id) => trained.tokens[id]).join("+");
    // a+b occurs four times; then ab+ab twice; Ġ+abab and c+d once each, and c comes before Ġ.
    expect(trained.merges.map(pair)).toEqual(["a+b", "ab+ab", "c+d"]);
  });

  it("stops at the minimum frequency, and when no pair is left", async () => {
    const rare = await trainByteLevelBpe(["aab"], { vocabularySize: 5000, minFrequency: 2 });
    expect(rare.merges).toEqual([]);
    const all = await trainByteLevelBpe(["aab"], { vocabularySize: 5000, initialAlphabet: "seen" });
    expect(all.tokens).toEqual(["a", "b", "aa", "aab"]);
  });

  it("makes a tokenizer that writes any text and keeps special tokens apart", async () => {
    const trained = await trainByteLevelBpe(texts, {
      vocabularySize: 270,
      specialTokens: ["[gMASK]", "<sop>", "<eop>"],
      surround: { before: ["[gMASK]", "<sop>"] },
    });
    const tokenizer = tokenizerOf(trained, { names: { end: "<eop>" } });
    expect(tokenizer.vocabularySize).toBe(270);
    expect(tokenizer.ids).toEqual({ end: 2 });
    const ids = tokenizer.encode("新<eop> 😀 low");
    expect(ids.slice(0, 2)).toEqual([0, 1]);
    expect(ids).not.toContain(2);
    expect(tokenizer.decode(ids)).toBe("新<eop> 😀 low");
    expect(tokenizer.encode("<eop>", { special: "all", addSpecialTokens: false })).toEqual([2]);
  });

  it("never merges to a special token, which text would then become", async () => {
    const trained = await trainByteLevelBpe(["stop stop"], { vocabularySize: 400, specialTokens: ["stop"] });
    const tokenizer = tokenizerOf(trained);
    expect(tokenizer.encode("stop")).not.toContain(0);
  });

  it("forgets rare words beyond the limit, and says so", async () => {
    const words = Array.from({ length: 5000 }, (_, i) => ` ${i.toString(2).replaceAll("0", "a").replaceAll("1", "b")}`);
    const trained = await trainByteLevelBpe([...words, " often often often"], {
      vocabularySize: 300,
      maximumWords: 1000,
    });
    expect(trained.report.wordsDropped).toBeGreaterThan(3000);
    expect(trained.report.words).toBeLessThanOrEqual(1000);
  });

  it("writes tokens that look like numbers in the order of their ids", async () => {
    const trained = await trainByteLevelBpe(["777 777"], { vocabularySize: 258 });
    const vocabulary = tokenizerJson(trained).split('"vocab": {')[1]!.split("\n    }")[0]!;
    expect([...vocabulary.matchAll(/: (\d+)/g)].map(([, id]) => Number(id))).toEqual(trained.tokens.map((_, id) => id));
  });

  it("refuses settings that cannot work, saying why", async () => {
    await expect(trainByteLevelBpe([], { vocabularySize: 100 })).rejects.toThrow(/at least 256/);
    await expect(trainByteLevelBpe([], { vocabularySize: 300, specialTokens: ["a", "a"] })).rejects.toThrow(/twice/);
    await expect(trainByteLevelBpe([], { vocabularySize: 300, surround: { before: ["x"] } })).rejects.toThrow(
      /no special/,
    );
    const trained = await trainByteLevelBpe([], { vocabularySize: 300 });
    expect(() => tokenizerConfig(trained, { names: { end: "</s>" } })).toThrow(/no special token/);
  });

  it("passes on what the source of texts throws", async () => {
    const broken = (function* () {
      yield "a";
      throw new Error("disk gone");
    })();
    await expect(trainByteLevelBpe(broken, { vocabularySize: 300 })).rejects.toThrow("disk gone");
  });
});
