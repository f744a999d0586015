/** Small models for tests, made from a few pieces. */
import type { NormalizerSettings, SentencePiece, SentencePieceModel } from "./model.ts";

export const plainNormalizer: NormalizerSettings = {
  name: "identity",
  charsmap: new Uint8Array(0),
  addDummyPrefix: false,
  removeExtraWhitespaces: false,
  escapeWhitespaces: true,
};

const control: readonly SentencePiece[] = [
  { piece: "<unk>", score: 0, type: "unknown" },
  { piece: "<s>", score: 0, type: "control" },
  { piece: "</s>", score: 0, type: "control" },
];

/** The 256 byte pieces, in order. */
export const bytePieces: readonly SentencePiece[] = Array.from({ length: 256 }, (_, byte) => ({
  piece: `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  score: 0,
  type: "byte",
}));

/** A model whose normal pieces start at id 3, with the scores given. */
export function smallModel(
  kind: "unigram" | "bpe",
  scores: Readonly<Record<string, number>>,
  changes: Partial<SentencePieceModel> & { readonly extra?: readonly SentencePiece[] } = {},
): SentencePieceModel {
  const { extra = [], ...rest } = changes;
  const normal = Object.entries(scores).map(([piece, score]): SentencePiece => ({ piece, score, type: "normal" }));
  return {
    kind,
    pieces: [...control, ...normal, ...extra, ...(rest.byteFallback ? bytePieces : [])],
    normalizer: plainNormalizer,
    byteFallback: false,
    treatWhitespaceAsSuffix: false,
    unknownSurface: " \u2047 ",
    unknownPiece: "<unk>",
    beginPiece: "<s>",
    endPiece: "</s>",
    padPiece: "<pad>",
    ...rest,
  };
}
