/** Text metrics against values of sacreBLEU 2.6.0 on texts with traps, and against hand calculations. */
import { describe, expect, test } from "vitest";
import {
  answerF1,
  bleu,
  bleuStatistics,
  bleuTokens,
  chrf,
  chrfStatistics,
  distinct,
  exactMatch,
  normalizeAnswer,
  rouge,
  rougeUnits,
  sentenceBleu,
  sentenceRouge,
  ter,
  terStatistics,
} from "./index.ts";
import { longestCommonSubsequence } from "./rouge.ts";

const texts = ["The U.S. dollar fell 3,000 points -- it's “over” &amp; done.", "a b c", "北京CPU—很快，3,000次！"];
const references = [
  ["The US dollar dropped 3,000 points; it's over & done.", "Dollars (U.S.) fell by 3,000 points."],
  ["a c b d", "a b c"],
  ["北京的CPU很快，有3000次！", "北京CPU快"],
];

describe("tokenizers", () => {
  test.each([
    ["13a", "The U . S . dollar fell 3,000 points -- it's “over” & done .", "北京CPU—很快，3,000次！"],
    ["zh", "The U . S . dollar fell 3,000 points -- it's “ over ” & amp ; done .", "北 京 CPU — 很 快 ， 3,000 次 ！"],
    ["intl", "The U . S . dollar fell 3,000 points - - it ' s “ over ” & amp ; done .", "北京CPU — 很快 ， 3,000次 ！"],
    ["none", "The U.S. dollar fell 3,000 points -- it's “over” &amp; done.", "北京CPU—很快，3,000次！"],
  ] as const)("%s", (tokenizer, english, chinese) => {
    expect(bleuTokens(texts[0]!, tokenizer).join(" ")).toBe(english);
    expect(bleuTokens(texts[2]!, tokenizer).join(" ")).toBe(chinese);
  });
  test("char", () => {
    expect(bleuTokens("a b𠀀", "char")).toEqual(["a", "b", "𠀀"]);
  });
  test("an unknown one is named", () => {
    expect(() => bleuTokens("x", "12a" as "13a")).toThrow('unknown BLEU tokenizer "12a"');
  });
});

describe("BLEU", () => {
  test.each([
    ["13a", 31.642571776698524],
    ["zh", 23.026019045118865],
    ["intl", 19.948481632867292],
    ["char", 59.091649016935826],
    ["none", 15.8113883008419],
  ] as const)("%s, lower case, two references", (tokenizer, wanted) => {
    const got = bleu(texts, references, { tokenizer, lowercase: true });
    expect(got.score).toBeCloseTo(wanted, 9);
    expect(got.signature).toBe(`nrefs:2|case:lc|eff:no|tok:${tokenizer}|smooth:exp`);
  });
  test("smoothings with values, other orders", () => {
    const floor = bleu(["a x"], [["a b"]], { smoothing: "floor", effectiveOrder: true });
    expect(floor.score).toBeCloseTo(22.360679774997894, 10);
    expect(floor.signature).toContain("smooth:floor[0.10]");
    const addK = bleu(["a x y"], [["a b y"]], { smoothing: "add-k", smoothingValue: 2, maxOrder: 2 });
    expect(addK.score).toBeCloseTo(57.73502691896257, 10);
  });
  test("edges", () => {
    expect(bleu([""], [["a"]]).score).toBe(0);
    expect(bleu([""], [["a"]]).brevityPenalty).toBe(0);
    expect(sentenceBleu("a", ["a"]).score).toBeCloseTo(100, 10);
    // Of references equally far in length, the shorter: 3 words against 2 and 4.
    expect(bleu(["a b c"], [["a b c d", "a b"]]).referenceLength).toBe(2);
    expect(bleu(["a", "b"], [["a"], ["b", "", "c"]]).signature).toContain("nrefs:var");
  });
  test("wrong shapes are refused", () => {
    expect(() => bleu(["a"], [])).toThrow("1 hypotheses and 0 reference lists");
    expect(() => bleu(["a"], [["", ""]])).toThrow("text 0 has no reference");
    expect(() => bleu(["a"], ["a" as unknown as string[]])).toThrow("are one string");
    expect(() => bleu([], [])).toThrow("no hypotheses");
    expect(() => bleu(["a"], [["a"]], { maxOrder: -1 })).toThrow("maxOrder is -1");
    for (const score of [bleuStatistics, chrfStatistics, sentenceRouge, terStatistics]) {
      expect(() => score("a", [])).toThrow("the references are []");
      expect(() => score("a", "a" as unknown as string[])).toThrow('the references are "a"');
    }
  });
});

describe("chrF", () => {
  test.each([
    [{ wordOrder: 2 }, 46.95521867056724, "nc:6|nw:2|space:no"],
    [{ whitespace: true }, 54.4125883305317, "nc:6|nw:0|space:yes"],
    [{ beta: 3, characterOrder: 3 }, 69.10156489569965, "nc:3|nw:0|space:no|beta:3"],
  ])("%o", (options, wanted, signature) => {
    const got = chrf(texts, references, options);
    expect(got.score).toBeCloseTo(wanted, 9);
    expect(got.signature).toBe(`nrefs:2|case:mixed|eff:yes|${signature}`);
  });
  test("characters outside the basic plane count as one", () => {
    expect(chrf(["𠀀"], [["𠀀"]], { characterOrder: 1 }).score).toBeCloseTo(100, 10);
    expect(chrf(["𠀀"], [["𠀁"]], { characterOrder: 1 }).score).toBe(0);
  });
});

describe("TER", () => {
  test.each([
    [{}, 56.00000000000001, "case:lc|tok:tercom|norm:no|punct:yes|asian:no"],
    [{ normalized: true }, 47.05882352941176, "case:lc|tok:tercom|norm:yes|punct:yes|asian:no"],
    [{ normalized: true, asian: true }, 46.808510638297875, "case:lc|tok:tercom|norm:yes|punct:yes|asian:yes"],
    [{ punctuation: false, caseSensitive: true, asian: true }, 40, "case:mixed|tok:tercom|norm:no|punct:no|asian:yes"],
  ])("%o", (options, wanted, signature) => {
    const got = ter(texts, references, options);
    expect(got.score).toBeCloseTo(wanted, 9);
    expect(got.signature).toBe(`nrefs:2|${signature}`);
  });
  test("a moved group costs one edit", () => {
    const { score, edits } = ter(["d e f a b c x"], [["a b c d e f y"]]);
    expect([score, edits]).toEqual([expect.closeTo(200 / 7, 10), 2]);
  });
  test("without a reference word, every word is an edit", () => {
    expect(ter(["a b"], [["."]], { punctuation: false }).score).toBe(100);
    expect(ter(["."], [["."]], { punctuation: false }).score).toBe(0);
  });
});

describe("ROUGE", () => {
  test("hand calculation", () => {
    const got = sentenceRouge("the cat was found under the bed", ["The cat was under the bed."]);
    expect(got.rouge1).toEqual({ precision: 6 / 7, recall: 1, f: expect.closeTo(12 / 13, 12) });
    expect(got.rouge2).toEqual({ precision: 4 / 6, recall: 4 / 5, f: expect.closeTo(8 / 11, 12) });
    expect(got.rougeL).toEqual({ precision: 6 / 7, recall: 1, f: expect.closeTo(12 / 13, 12) });
  });
  test("Chinese by characters, by words of a segmenter, and mixed", () => {
    expect(sentenceRouge("今天好", ["今天很好"], { unit: "character" }).rougeL).toEqual({
      precision: 1,
      recall: 3 / 4,
      f: expect.closeTo(6 / 7, 12),
    });
    const halves = { name: "halves", split: (text: string) => [text.slice(0, 2), text.slice(2)] };
    const got = rouge(["今天好", "x"], [["今天坏"], ["x", "y"]], { unit: halves });
    expect(got.rouge1.f).toBeCloseTo((0.5 + 1) / 2, 12);
    expect(got.signature).toBe("nrefs:var|unit:halves|beta:1|stem:no");
    expect(rougeUnits("GLM-4 北京ひ don't", "word")).toEqual(["glm", "4", "北", "京", "ひ", "don", "t"]);
  });
  test("the best of several references counts; repeated words count as often as in the reference", () => {
    expect(sentenceRouge("a a a", ["b", "a a"]).rouge1).toEqual({
      precision: 2 / 3,
      recall: 1,
      f: expect.closeTo(0.8, 12),
    });
    expect(sentenceRouge("", ["a"]).rougeL.f).toBe(0);
  });
  test("beta weighs recall", () => {
    const { f } = sentenceRouge("a b", ["a"], { beta: 2 }).rouge1;
    expect(f).toBeCloseTo((5 * 0.5) / (4 * 0.5 + 1), 12);
  });
  test("an unknown unit is named", () => {
    expect(() => sentenceRouge("a", ["b"], { unit: "chars" as "character" })).toThrow('unknown ROUGE unit "chars"');
    expect(() => distinct(["a"], 1, "words" as "word")).toThrow('unknown ROUGE unit "words"');
  });
  test("longest common subsequence", () => {
    expect(longestCommonSubsequence([..."ABCBDAB"], [..."BDCABA"])).toBe(4);
    expect(longestCommonSubsequence([], ["a"])).toBe(0);
  });
});

test("distinct-n counts over all texts", () => {
  expect(distinct(["ababa", "ab"], 1)).toBe(2 / 7);
  expect(distinct(["ababa", "ab"], 2)).toBe(2 / 5);
  expect(distinct(["a"], 2)).toBe(0);
});

test("exact match and answer F1", () => {
  expect(exactMatch(["北京 ", "x"], [["北京"], ["y", "z"]])).toEqual({ score: 0.5, signature: "nrefs:var|norm:trim" });
  expect(exactMatch(["The cat!"], [["cat"]]).score).toBe(0);
  expect(exactMatch(["The cat!"], [["cat"]], "squad").score).toBe(1);
  expect(() => exactMatch(["A"], [["a"]], "lower" as "trim")).toThrow('normalization is "lower"');
  // As in Python, a letter beside letters of another script is part of their word.
  expect(exactMatch(["选A"], [["选"]], "squad").score).toBe(0);
  expect(normalizeAnswer("A café; “the” one", "squad")).toBe("café “ ” one");
  expect(answerF1(["the big cat", ""], [["a cat", "dog"], ["x"]])).toBeCloseTo((2 / 3 + 0) / 2, 12);
});
