import { describe, expect, it } from "vitest";
import { CongError } from "../../support/index.ts";
import { createRandom } from "../../support/random.ts";
import { parseTokenizerJson } from "./index.ts";

const added = (id: number, content: string, more: object = {}): object => ({ id, content, special: true, ...more });
const wordPiece = {
  added_tokens: [added(0, "[UNK]"), added(1, "[CLS]"), added(2, "[SEP]")],
  normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, lowercase: true },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: { type: "BertProcessing", sep: ["[SEP]", 2], cls: ["[CLS]", 1] },
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, play: 3, "##ing": 4, 中: 5, "!": 6, cafe: 7 },
  },
};
const llama = {
  added_tokens: [added(0, "<s>"), { id: 6, content: "<tool>", special: false, normalized: false, rstrip: true }],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    special_tokens: { "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] } },
  },
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    byte_fallback: true,
    vocab: { "<s>": 0, "▁": 1, h: 2, i: 3, hi: 4, "▁hi": 5, "<0xE4>": 7, "<0xBD>": 8, "<0xA0>": 9 },
    merges: ["h i", ["▁", "hi"]],
  },
};

describe("parseTokenizerJson", () => {
  it("does BERT's WordPiece", () => {
    const tokenizer = parseTokenizerJson(JSON.stringify(wordPiece));
    expect(tokenizer.encode("Playing 中café!x")).toEqual([1, 3, 4, 5, 7, 6, 0, 2]);
    expect(tokenizer.decode([1, 3, 4, 6, 2])).toBe("playing!");
    expect(tokenizer.ids).toEqual({ unknown: 0 });
  });

  it("does BPE with byte fallback, merges in both spellings, and added tokens", () => {
    const tokenizer = parseTokenizerJson(JSON.stringify(llama));
    expect(tokenizer.encode("hi 你")).toEqual([0, 5, 1, 7, 8, 9]);
    expect(tokenizer.decode([0, 5, 1, 7, 8, 9])).toBe("hi 你");
    expect(tokenizer.encode("hi<tool>  hi", { addSpecialTokens: false })).toEqual([5, 6, 5]);
    expect([...tokenizer.bytesOf(8)]).toEqual([0xbd]);
    expect(new TextDecoder().decode(tokenizer.bytesOf(5))).toBe(" hi");
  });

  it("never makes a special token of text, unless asked for that one", () => {
    const tokenizer = parseTokenizerJson(JSON.stringify(llama));
    const plain = { addSpecialTokens: false };
    expect(tokenizer.encode("<s>hi", plain)).not.toContain(0);
    expect(tokenizer.encode("<s>hi", { ...plain, special: ["<s>"] })).toEqual([0, 5]);
    expect(tokenizer.encode("<s>hi", { ...plain, special: "all" })).toEqual([0, 5]);
    expect(() => tokenizer.encode("x", { special: ["<S>"] })).toThrow(/did you mean "<s>"/);
  });

  it.each([
    ["pre_tokenizer", { type: "UnicodeScripts" }, /pre_tokenizer asks for the pre-tokenizer "UnicodeScripts"/],
    ["normalizer", { type: "Sequence", normalizers: [{ type: "Odd" }] }, /normalizer\.normalizers\[0\] asks for/],
    ["decoder", 7, /decoder is 7/],
    ["model", { type: "BPE", vocab: { a: 0 }, merges: ["a b"] }, /model\.merges\[0\]/],
    ["model", { type: "BPE", vocab: { a: -1 }, merges: [] }, /model\.vocab\["a"\] is -1/],
    ["model", { type: "BPE", vocab: {}, merges: [], dropout: 0.1 }, /model\.dropout/],
    ["post_processor", { type: "BertProcessing", sep: ["x", 99], cls: ["y", 1] }, /post_processor/],
  ])("names the part that is wrong: %s", (part, value, message) => {
    expect(() => parseTokenizerJson(JSON.stringify({ ...wordPiece, [part]: value }))).toThrow(message);
  });

  it("refuses ids outside the vocabulary, and skips unused ones inside", () => {
    const tokenizer = parseTokenizerJson(JSON.stringify(llama));
    expect(() => tokenizer.decode([10])).toThrow(/10 is no token/);
    expect(() => tokenizer.decode([1.5])).toThrow(CongError);
  });

  it("survives damage: a tokenizer or an error of this project", () => {
    const random = createRandom(11);
    const below = (limit: number): number => Math.floor(random.uniform() * limit);
    const originals = [wordPiece, llama].map((file) => JSON.stringify(file));
    const pieces = [
      "null",
      "{}",
      "[]",
      "-1",
      "1e99",
      '"x"',
      "\\u0000",
      "true",
      ",",
      '"',
      "99999999",
      "(",
      "[[",
      '{"type":"Sequence"}',
    ];
    let whole = 0;
    for (let round = 0; round < 1500; round++) {
      let text = originals[round % 2]!;
      for (let changes = below(3) + 1; changes > 0; changes--) {
        const at = below(text.length);
        const insert =
          below(2) === 0 ? pieces[below(pieces.length)]! : text.slice(below(text.length)).slice(0, below(12));
        text = text.slice(0, at) + insert + text.slice(at + below(8));
      }
      try {
        const tokenizer = parseTokenizerJson(text);
        tokenizer.decode(tokenizer.encode("Hi <s> 中!", { special: "all" }));
        whole++;
      } catch (error) {
        if (!CongError.is(error)) throw new Error(`${String(error)} for ${text}`);
      }
    }
    expect(whole).toBeGreaterThan(20);
  });
});
