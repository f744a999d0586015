/** Real SentencePiece models against ids, pieces and decodings of SentencePiece 0.2.2. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  parseSentencePieceModel,
  sentencePieceTokenizer,
  writeSentencePieceModel,
} from "../../src/tokenizers/sentencepiece/index.ts";

const folder = new URL("../../../shared/golden/tokenizers/", import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, folder));

interface Golden {
  readonly cases: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly pieces: readonly string[];
    readonly decoded: string;
  }[];
}

describe.skipIf(!existsSync(folder)).each(["unigram", "bpe"])("golden spm-%s", (kind) => {
  test("every text, also after the model was written and read again", () => {
    const model = parseSentencePieceModel(read(`spm-${kind}.model`));
    expect(model.kind).toBe(kind);
    const again = parseSentencePieceModel(writeSentencePieceModel(model));
    expect(again).toEqual(model);
    const { cases } = JSON.parse(read(`spm-${kind}.golden.json`).toString()) as Golden;
    expect(cases.length).toBeGreaterThan(60);
    for (const tokenizer of [sentencePieceTokenizer(model), sentencePieceTokenizer(again)]) {
      for (const { text, ids, pieces, decoded } of cases) {
        expect(tokenizer.encode(text)).toEqual(ids);
        expect(ids.map((id) => tokenizer.tokenOf(id))).toEqual(pieces);
        expect(tokenizer.decode(ids)).toBe(decoded);
      }
    }
  });

  test("every piece of the vocabulary is found", () => {
    const model = parseSentencePieceModel(read(`spm-${kind}.model`));
    const tokenizer = sentencePieceTokenizer({
      ...model,
      normalizer: {
        ...model.normalizer,
        charsmap: new Uint8Array(0),
        addDummyPrefix: false,
        removeExtraWhitespaces: false,
      },
    });
    const lost = model.pieces.filter(({ piece, type }, id) => {
      if (type !== "normal") return false;
      // A unigram model may prefer two pieces to one; together they still spell it.
      const ids = tokenizer.encode(piece);
      return kind === "bpe"
        ? ids.length !== 1 || ids[0] !== id
        : ids.map((i) => tokenizer.tokenOf(i)).join("") !== piece;
    });
    expect(lost).toEqual([]);
  });

  test("the corpus comes back", () => {
    const tokenizer = sentencePieceTokenizer(read(`spm-${kind}.model`));
    const corpus = read("corpus.txt").toString();
    const text = tokenizer.decode(tokenizer.encode(corpus));
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    // Byte fallback keeps every character, and spaces are squeezed; the unigram model's NFKC rewrites some, and line breaks to spaces.
    if (kind === "bpe") expect(text).toBe(corpus.replace(/ +/g, " ").replace(/^ | $/g, ""));
    else expect(text.length).toBeGreaterThan(corpus.length * 0.99);
  });
});
