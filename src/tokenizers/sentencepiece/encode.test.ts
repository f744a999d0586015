/** Both encoders against hand-made cases and against slow, obvious versions written over strings. */
import { describe, expect, test } from "vitest";
import { createRandom, type Random } from "../../support/random.ts";
import { smallModel } from "./model.fixture.ts";
import type { SentencePiece, SentencePieceModel } from "./model.ts";
import { sentencePieceTokenizer } from "./tokenizer.ts";

const piecesOf = (model: SentencePieceModel, text: string): (string | undefined)[] => {
  const tokenizer = sentencePieceTokenizer(model);
  return tokenizer.encode(text).map((id) => tokenizer.tokenOf(id));
};
const userDefined = (piece: string): SentencePiece => ({ piece, score: 0, type: "user-defined" });

describe("unigram", () => {
  const scores = { a: -1, b: -2, ab: -2.5, "▁": -3, "▁a": -3.5 };

  test("takes the best total, and the first of equal ones", () => {
    expect(piecesOf(smallModel("unigram", scores), "ab")).toEqual(["ab"]);
    expect(piecesOf(smallModel("unigram", { a: -1, b: -1, ab: -2 }), "ab")).toEqual(["ab"]);
    expect(piecesOf(smallModel("unigram", { a: -1, b: -1, ab: -2.1 }), "ab")).toEqual(["a", "b"]);
  });

  test("what no piece covers is one unknown, or its bytes", () => {
    expect(piecesOf(smallModel("unigram", scores), "a世界b")).toEqual(["a", "<unk>", "b"]);
    expect(piecesOf(smallModel("unigram", scores, { byteFallback: true }), "aéb")).toEqual([
      "a",
      "<0xC3>",
      "<0xA9>",
      "b",
    ]);
  });

  test("user-defined pieces win, the longest where they overlap", () => {
    const model = smallModel(
      "unigram",
      { a: -0.1, b: -0.1, c: -0.1 },
      { extra: [userDefined("ab"), userDefined("abc")] },
    );
    expect(piecesOf(model, "abc")).toEqual(["abc"]);
    expect(piecesOf(model, "abab")).toEqual(["ab", "ab"]);
  });

  test("control pieces are not found in text, unused ones are passed over", () => {
    const unused: SentencePiece = { piece: "ab", score: 0, type: "unused" };
    const model = smallModel("unigram", { a: -1, b: -1, "<": -1, s: -1, ">": -1 }, { extra: [unused] });
    expect(piecesOf(model, "<s>ab")).toEqual(["<", "s", ">", "a", "b"]);
  });

  test("random models agree with a search over all cuttings", () => {
    const random = createRandom(11);
    for (let round = 0; round < 80; round++) {
      const scores = randomScores(random, () => -1 - random.integer(40) / 4);
      const text = word(random, "abcx", random.integer(40));
      const tokenizer = sentencePieceTokenizer(smallModel("unigram", scores, { byteFallback: true }));
      const pieces = tokenizer.encode(text).map((id) => tokenizer.tokenOf(id)!);
      const unknown = Math.min(...Object.values(scores)) - 10;
      const total = pieces.reduce((sum, piece) => sum + (scores[piece] ?? unknown), 0);
      expect(total).toBeCloseTo(bestTotal(scores, unknown, text), 3);
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });

  test("a total of millions is as exact as a small one", () => {
    // At -1,000,000 a float32 has steps of 1/16, which would hide that "ab" is better than "a", "b" by 0.01.
    const model = smallModel("unigram", { x: -1000, a: -1.5, b: -1.5, ab: -2.99 });
    expect(piecesOf(model, `${"x".repeat(1000)}ab`).slice(-2)).toEqual(["x", "ab"]);
  });
});

describe("bpe", () => {
  test("merges the highest score first, the leftmost among equal ones", () => {
    expect(piecesOf(smallModel("bpe", { a: -9, b: -9, c: -9, ab: -1, bc: 0 }), "abc")).toEqual(["a", "bc"]);
    expect(piecesOf(smallModel("bpe", { a: -9, aa: 0 }), "aaaaa")).toEqual(["aa", "aa", "a"]);
    expect(piecesOf(smallModel("bpe", { a: -9, aa: -1, aaaa: -2 }), "a".repeat(41))).toEqual([
      ...Array.from({ length: 10 }, () => "aaaa"),
      "a",
    ]);
  });

  test("characters without a piece still merge into one, and else are unknown", () => {
    const model = smallModel("bpe", { 世界: -1, a: -2 });
    expect(piecesOf(model, "世界a世世界界")).toEqual(["世界", "a", "<unk>", "世界", "<unk>"]);
  });

  test("user-defined pieces never merge with what is beside them", () => {
    const scores = { a: -9, b: -9, ab: -1, "ab<": -1 };
    const model = smallModel("bpe", scores, { extra: [userDefined("b<")] });
    expect(piecesOf(model, "ab<ab")).toEqual(["a", "b<", "ab"]);
  });

  test("an unused piece is taken apart as it was put together", () => {
    const unused: SentencePiece = { piece: "abc", score: 0, type: "unused" };
    const model = smallModel("bpe", { a: -9, b: -9, c: -9, bc: -1, abcd: -3, d: -9 }, { extra: [unused] });
    expect(piecesOf(model, "abc")).toEqual(["a", "bc"]);
    expect(piecesOf(model, "abcd")).toEqual(["abcd"]);
  });

  test("random models agree with merging strings one by one, in short and long stretches", () => {
    const random = createRandom(12);
    for (let round = 0; round < 80; round++) {
      const scores = randomScores(random, () => -random.integer(9));
      const text = word(random, "abcx", random.integer(120));
      const tokenizer = sentencePieceTokenizer(smallModel("bpe", scores, { byteFallback: true }));
      const expected = mergeStrings(scores, text).map((piece) => (piece === "x" ? "<0x78>" : piece));
      expect(tokenizer.encode(text).map((id) => tokenizer.tokenOf(id))).toEqual(expected);
    }
  });
});

/** The letters a, b, c and a dozen longer pieces made of them. */
function randomScores(random: Random, score: () => number): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const letter of "abc") scores[letter] = score();
  for (let i = 0; i < 14; i++) scores[word(random, "abc", 2 + random.integer(3))] = score();
  return scores;
}

function word(random: Random, letters: string, length: number): string {
  return Array.from({ length }, () => letters[random.integer(letters.length)]).join("");
}

/** The highest total of any cutting into pieces and unknown characters. */
function bestTotal(scores: Readonly<Record<string, number>>, unknown: number, text: string): number {
  const best = [0];
  for (let end = 1; end <= text.length; end++) {
    best[end] = Number.NEGATIVE_INFINITY;
    for (let start = 0; start < end; start++) {
      const piece = text.slice(start, end);
      const score = scores[piece] ?? (piece.length === 1 ? unknown : Number.NEGATIVE_INFINITY);
      best[end] = Math.max(best[end]!, best[start]! + score);
    }
  }
  return best[text.length]!;
}

function mergeStrings(scores: Readonly<Record<string, number>>, text: string): string[] {
  const symbols = [...text];
  for (;;) {
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const score = scores[symbols[i]! + symbols[i + 1]!] ?? Number.NEGATIVE_INFINITY;
      if (score > bestScore) {
        best = i;
        bestScore = score;
      }
    }
    if (best < 0) return symbols;
    symbols.splice(best, 2, symbols[best]! + symbols[best + 1]!);
  }
}
