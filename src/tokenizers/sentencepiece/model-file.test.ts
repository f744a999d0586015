/** Whatever is wrong with a file, reading it is a CongError and takes no time. */
import { describe, expect, test } from "vitest";
import { CongError } from "../../support/errors.ts";
import { createRandom } from "../../support/random.ts";
import { bytePieces, plainNormalizer, smallModel } from "./model.fixture.ts";
import type { SentencePiece, SentencePieceModel } from "./model.ts";
import { parseSentencePieceModel, writeSentencePieceModel } from "./model-file.ts";
import { modelProto } from "./schema.ts";
import { sentencePieceTokenizer } from "./tokenizer.ts";

const model = smallModel(
  "unigram",
  { a: -1, b: -2, 世界: -3 },
  {
    byteFallback: true,
    normalizer: { ...plainNormalizer, name: "identity", addDummyPrefix: true },
    denormalizer: plainNormalizer,
    unknownSurface: "",
  },
);

/** The file of a model that `writeSentencePieceModel` itself would refuse. */
function fileOf(changes: Partial<SentencePieceModel>, charsmap?: Uint8Array): Uint8Array {
  const good = modelProto.toObject(modelProto.decode(writeSentencePieceModel(model)));
  const codes = { normal: 1, unknown: 2, control: 3, "user-defined": 4, unused: 5, byte: 6 };
  const pieces = (changes.pieces ?? model.pieces).map(({ piece, score, type }) => ({
    piece: new TextEncoder().encode(piece),
    score,
    type: codes[type],
  }));
  const { trainer_spec, normalizer_spec } = good as { trainer_spec: object; normalizer_spec: object };
  return modelProto
    .encode(
      modelProto.fromObject({
        pieces,
        trainer_spec: { ...trainer_spec, byte_fallback: changes.byteFallback ?? true },
        normalizer_spec: { ...normalizer_spec, ...(charsmap === undefined ? {} : { precompiled_charsmap: charsmap }) },
      }),
    )
    .finish();
}

const codeOf = (bytes: Uint8Array): string | undefined => {
  try {
    parseSentencePieceModel(bytes);
    return undefined;
  } catch (error) {
    return CongError.is(error) ? error.code : `not a CongError: ${String(error)}`;
  }
};

describe("reading", () => {
  test("gives back what was written", () => {
    expect(parseSentencePieceModel(writeSentencePieceModel(model))).toEqual(model);
  });

  const normal = (piece: string, score = 0): SentencePiece => ({ piece, score, type: "normal" });
  const { pieces } = model;
  test.each<[string, Uint8Array]>([
    ["no bytes", new Uint8Array(0)],
    ["noise", Uint8Array.from({ length: 100 }, (_, i) => (i * 89) & 0xff)],
    ["half a file", writeSentencePieceModel(model).subarray(0, 1000)],
    ["an empty piece", fileOf({ pieces: [...pieces, normal("")] })],
    ["a null character", fileOf({ pieces: [...pieces, normal("a\0b")] })],
    ["a piece twice", fileOf({ pieces: [...pieces, normal("a")] })],
    ["a piece of 8,000 bytes", fileOf({ pieces: [...pieces, normal("x".repeat(8000))] })],
    ["a score that is no number", fileOf({ pieces: [...pieces, normal("c", Number.NaN)] })],
    ["no unknown piece", fileOf({ pieces: pieces.filter(({ type }) => type !== "unknown") })],
    ["two unknown pieces", fileOf({ pieces: [...pieces, { piece: "<u>", score: 0, type: "unknown" }] })],
    ["a byte piece missing", fileOf({ pieces: pieces.filter(({ piece }) => piece !== bytePieces[7]!.piece) })],
    ["a byte piece misspelled", fileOf({ pieces: [...pieces, { piece: "<0xa0>", score: 0, type: "byte" }] })],
    ["byte pieces without fallback", fileOf({ byteFallback: false })],
    ["rules shorter than their header", fileOf({}, Uint8Array.of(1, 2))],
    ["rules that claim too long a trie", fileOf({}, Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0, 0))],
    ["a trie that points outside", fileOf({}, Uint8Array.of(4, 0, 0, 0, 0, 255, 255, 127, 0))],
    ["replacements that are not UTF-8", fileOf({}, Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x80, 0))],
    ["a replacement without an end", fileOf({}, Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x41))],
  ])("refuses %s", (_, bytes) => {
    expect(codeOf(bytes)).toBe("SENTENCEPIECE_INVALID");
  });

  test("says that word and char models are not read", () => {
    const message = modelProto.toObject(modelProto.decode(writeSentencePieceModel(model))) as { trainer_spec: object };
    const bytes = modelProto
      .encode(modelProto.fromObject({ ...message, trainer_spec: { ...message.trainer_spec, model_type: 3 } }))
      .finish();
    expect(codeOf(bytes)).toBe("SENTENCEPIECE_UNSUPPORTED");
  });

  test("damaged files give a tokenizer or a CongError", () => {
    const good = writeSentencePieceModel(model);
    const random = createRandom(5);
    let read = 0;
    for (let round = 0; round < 600; round++) {
      const bytes = good.slice(0, round % 4 === 0 ? 1 + random.integer(good.length) : good.length);
      for (let i = random.integer(3); i >= 0; i--) bytes[random.integer(bytes.length)] = random.integer(256);
      try {
        const tokenizer = sentencePieceTokenizer(bytes);
        tokenizer.decode(tokenizer.encode("a 世界 b\u0000"));
        read++;
      } catch (error) {
        expect(CongError.is(error), String(error)).toBe(true);
      }
    }
    // Some damage only changes a score or a letter.
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(600);
  });
});
