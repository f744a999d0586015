/** Normalising, decoding, special tokens, and the public face. Expected values are SentencePiece 0.2.2's unless said. */
import { describe, expect, test } from "vitest";
import { plainNormalizer, smallModel } from "./model.fixture.ts";
import type { NormalizerSettings, SentencePiece } from "./model.ts";
import { Normalizer } from "./normalizer.ts";
import { sentencePieceTokenizer } from "./tokenizer.ts";

const normalized = (changes: Partial<NormalizerSettings>, text: string, whitespaceAsSuffix = false): string =>
  new Normalizer({ ...plainNormalizer, ...changes }, { whitespaceAsSuffix }).toText(text);

/** A charsmap with the single rules "A" to "b c" and "é" to nothing, in the format's double array. */
function smallCharsmap(): Uint8Array {
  const units = new Uint32Array(1024);
  const leaf = 0x80000000;
  const offset = (from: number, to: number): number => (from ^ to) << 10;
  units[0] = offset(0, 256);
  // "A" (0x41) hangs below 256; its value stands at 512.
  units[256 ^ 0x41] = 0x41 | 0x100 | offset(256 ^ 0x41, 512);
  units[512] = leaf | 0;
  // "é" is C3 A9.
  units[256 ^ 0xc3] = 0xc3 | offset(256 ^ 0xc3, 768);
  units[768 ^ 0xa9] = 0xa9 | 0x100 | offset(768 ^ 0xa9, 600);
  units[600] = leaf | 4;
  const blob = new Uint8Array(4 + 4096 + 5);
  const view = new DataView(blob.buffer);
  view.setUint32(0, 4096, true);
  units.forEach((unit, i) => {
    view.setUint32(4 + 4 * i, unit, true);
  });
  blob.set(new TextEncoder().encode("b c\0\0"), 4 + 4096);
  return blob;
}

describe("normalizer", () => {
  test("spaces: prefix, suffix, squeezing, escaping", () => {
    expect(normalized({}, " a  b ")).toBe("▁a▁▁b▁");
    expect(normalized({ escapeWhitespaces: false }, " a  b ")).toBe(" a  b ");
    expect(normalized({ removeExtraWhitespaces: true }, "  a  b  ")).toBe("a▁b");
    expect(normalized({ addDummyPrefix: true }, "a")).toBe("▁a");
    expect(normalized({ addDummyPrefix: true }, "a", true)).toBe("a▁");
    expect(normalized({ addDummyPrefix: true, removeExtraWhitespaces: true }, "   ")).toBe("");
    expect(normalized({ addDummyPrefix: true }, "")).toBe("");
  });

  test("rules replace, also by spaces and by nothing", () => {
    const charsmap = smallCharsmap();
    expect(normalized({ charsmap }, "xAéy")).toBe("xb▁cy");
    expect(normalized({ charsmap }, "\u0000A\u00e8")).toBe("\u0000b▁c\u00e8");
  });

  test("half a surrogate pair counts as U+FFFD", () => {
    expect(normalized({}, "a\ud83d")).toBe("a\ufffd");
  });
});

describe("decoding", () => {
  const tokenizer = sentencePieceTokenizer(
    smallModel(
      "bpe",
      { "▁": -1, "▁a": -2, a: -3, "\ufeff": -4 },
      {
        byteFallback: true,
        normalizer: { ...plainNormalizer, addDummyPrefix: true },
      },
    ),
  );
  const byte = (value: number): number => tokenizer.idOf(`<0x${value.toString(16).toUpperCase().padStart(2, "0")}>`)!;
  const id = (piece: string): number => tokenizer.idOf(piece)!;

  test("takes off the dummy space, and only that", () => {
    expect(tokenizer.decode(tokenizer.encode("  a a"))).toBe("  a a");
    expect(tokenizer.decode([id("▁"), id("▁"), id("a")])).toBe(" a");
  });

  test("bytes become characters, each broken one U+FFFD", () => {
    expect(tokenizer.decode([0xe4, 0xb8, 0x96].map(byte))).toBe("世");
    expect(tokenizer.decode([0xe4, 0xb8].map(byte))).toBe("\ufffd\ufffd");
    expect(tokenizer.decode([0xed, 0xa0, 0x80, 0x41].map(byte))).toBe("\ufffd\ufffd\ufffdA");
    expect(tokenizer.decode([byte(0xc3), id("</s>"), byte(0xa9)])).toBe("\ufffd\ufffd");
  });

  test("keeps a byte order mark, and shows the unknown piece", () => {
    expect(tokenizer.decode([id("a"), id("\ufeff"), id("<unk>")])).toBe("a\ufeff \u2047 ");
  });

  test("an id outside the vocabulary is an error", () => {
    for (const bad of [-1, tokenizer.vocabularySize, 1.5]) {
      expect(() => tokenizer.decode([bad])).toThrow(expect.objectContaining({ code: "ID_OUT_OF_RANGE" }));
    }
  });

  test("bytes of single tokens", () => {
    const text = (token: string): string => new TextDecoder().decode(tokenizer.bytesOf(id(token)));
    expect(text("▁a")).toBe(" a");
    expect([...tokenizer.bytesOf(byte(0xe4))]).toEqual([0xe4]);
    expect(text("</s>")).toBe("");
  });
});

describe("special tokens", () => {
  const letters = Object.fromEntries([..."<|user>/s ab▁"].map((letter) => [letter, -1]));
  const added = new Map([
    ["<|u", 400],
    ["<|user|>", 401],
  ]);
  const tokenizer = sentencePieceTokenizer(smallModel("unigram", letters), {
    added,
    surround: (ids) => [401, ...ids],
  });

  test("plain text never makes one", () => {
    const ids = tokenizer.encode("<|user|></s>", { addSpecialTokens: false });
    expect(ids.some((id) => [1, 2, 400, 401].includes(id))).toBe(false);
    expect(tokenizer.decode(ids)).toBe("<|user|></s>");
  });

  test("are found when named, the longest first", () => {
    const plain = { addSpecialTokens: false } as const;
    const [a] = tokenizer.encode("a", plain);
    expect(tokenizer.encode("<|user|>a</s>", { ...plain, special: "all" })).toEqual([401, a, 2]);
    expect(tokenizer.encode("a</s>", { special: ["</s>"] })).toEqual([401, a, 2]);
    expect(() => tokenizer.encode("a", { special: ["<nobody>"] })).toThrow(
      expect.objectContaining({ code: "BAD_ARGUMENT" }),
    );
  });

  test("are left out of the text or shown", () => {
    const [a] = tokenizer.encode("a", { addSpecialTokens: false }) as [number];
    expect(tokenizer.decode([401, a, 2])).toBe("a");
    expect(tokenizer.decode([401, a, 2], { skipSpecialTokens: false })).toBe("<|user|>a</s>");
    expect(tokenizer.tokenOf(399)).toBeUndefined();
    expect(() => tokenizer.decode([399])).toThrow(expect.objectContaining({ code: "ID_OUT_OF_RANGE" }));
  });

  test("an id that a piece has already can't be added", () => {
    const again = new Map([["<new>", 3]]);
    expect(() => sentencePieceTokenizer(smallModel("unigram", letters), { added: again })).toThrow(
      expect.objectContaining({ code: "BAD_ARGUMENT" }),
    );
  });

  test("ids named by the file", () => {
    const pad: SentencePiece = { piece: "<pad>", score: 0, type: "control" };
    const { ids } = sentencePieceTokenizer(smallModel("bpe", { a: 0 }, { extra: [pad] }));
    expect(ids).toEqual({ begin: 1, end: 2, pad: 4, unknown: 0 });
  });
});
