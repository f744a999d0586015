import { expect, test } from "vitest";
import { createRandom } from "../../support/random.ts";
import { augmentations, augmentText } from "./augment-text.ts";
import { loadSegmenter } from "./segmenter.ts";
import { builtInSynonyms, parseSynonyms } from "./synonyms.ts";

const segment = await loadSegmenter();
const tools = { segment, synonyms: builtInSynonyms() };
const text = "昨天我们在北京大学参加了讨论，大家都非常高兴，因为结果很重要。";
const sorted = (value: string): string => [...value].sort().join("");

test("the segmenter loses nothing", () => {
  expect(segment(text).join("")).toBe(text);
  expect(segment(text)).toContain("北京大学");
});

test("each operation does what it says, and the same seed does the same", () => {
  for (const operation of augmentations) {
    for (let seed = 0; seed < 20; seed++) {
      const changed = augmentText(text, operation, 0.1, createRandom(seed), tools);
      expect(augmentText(text, operation, 0.1, createRandom(seed), tools)).toBe(changed);
      expect(changed).not.toBe(text);
      if (operation === "delete") expect(changed.length).toBeLessThan(text.length);
      if (operation === "swap") expect(sorted(changed)).toBe(sorted(text));
      if (operation === "insert") expect(changed.length).toBeGreaterThan(text.length);
      expect(changed.replace(/[^，。]/g, "")).toBe(text.replace(/[^，。]/g, ""));
    }
  }
});

test("synonyms come from the lexicon, in place of the word", () => {
  const own = { segment, synonyms: parseSynonyms("高兴 快乐 愉快\n") };
  const results = new Set(
    Array.from({ length: 30 }, (_, seed) => augmentText("我很高兴。", "synonym", 0.1, createRandom(seed), own)),
  );
  expect([...results].sort()).toEqual(["我很快乐。", "我很愉快。"].sort());
});

test("a text with nothing to change stays", () => {
  for (const operation of augmentations) expect(augmentText("。", operation, 0.5, createRandom(1), tools)).toBe("。");
  expect(augmentText("猫和狗", "synonym", 0.5, createRandom(1), tools)).toBe("猫和狗");
});

test("every word of the built-in lexicon is two-way", () => {
  for (const [word, others] of builtInSynonyms())
    for (const other of others) expect(builtInSynonyms().get(other)).toContain(word);
});
