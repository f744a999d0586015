/**
 * What a SentencePiece `.model` file says, as plain data: pieces, normalisation, and the few trainer settings that
 * change how text is cut. Everything else in such a file records how it was trained and is not kept.
 */
import { CongError } from "../../support/errors.ts";

/** What a piece is for. The numbers in `pieceTypeCodes` are those of the file format. */
export type PieceType = "normal" | "unknown" | "control" | "user-defined" | "unused" | "byte";

export const pieceTypeCodes: Readonly<Record<PieceType, number>> = {
  normal: 1,
  unknown: 2,
  control: 3,
  "user-defined": 4,
  unused: 5,
  byte: 6,
};

export interface SentencePiece {
  readonly piece: string;
  /** Unigram: natural logarithm of the probability. BPE: minus the rank of the merge. */
  readonly score: number;
  readonly type: PieceType;
}

/** How text is rewritten before it is cut into pieces. */
export interface NormalizerSettings {
  /** Name of the rule set ("nmt_nfkc", "identity", ...). Informative: `charsmap` holds the rules themselves. */
  readonly name: string;
  /** Rewriting rules as SentencePiece compiles them (see `charsmap.ts`); empty for none. */
  readonly charsmap: Uint8Array;
  /** Put a space before the text. */
  readonly addDummyPrefix: boolean;
  /** Strip spaces at both ends and squeeze runs of them. */
  readonly removeExtraWhitespaces: boolean;
  /** Write spaces as U+2581 "▁". */
  readonly escapeWhitespaces: boolean;
}

export interface SentencePieceModel {
  readonly kind: "unigram" | "bpe";
  /** In the order of their ids. */
  readonly pieces: readonly SentencePiece[];
  readonly normalizer: NormalizerSettings;
  /** Rewrites decoded text; most files have none. */
  readonly denormalizer?: NormalizerSettings;
  /** Cut what the vocabulary lacks into 256 byte pieces instead of giving the unknown id. */
  readonly byteFallback: boolean;
  /** The dummy space goes after the text instead of before it. */
  readonly treatWhitespaceAsSuffix: boolean;
  /** What the unknown piece decodes to. */
  readonly unknownSurface: string;
  readonly unknownPiece: string;
  readonly beginPiece: string;
  readonly endPiece: string;
  readonly padPiece: string;
}

/** A file of a real model is a few megabytes; more than this is not a vocabulary. */
export const maximumPieces = 1 << 20;
/** SentencePiece itself refuses pieces of this many bytes. */
const pieceByteLimit = 8000;

const bytePiecePattern = /^<0x([0-9A-F]{2})>$/;

/** The byte that a piece spelled `<0x00>` ... `<0xFF>` stands for, or -1. */
export function byteOfPiece(piece: string): number {
  const match = bytePiecePattern.exec(piece);
  return match === null ? -1 : Number.parseInt(match[1]!, 16);
}

/** The error for every way in which a model file can be wrong. */
export function badModel(what: string, details: Readonly<Record<string, unknown>> = {}): CongError {
  return new CongError(
    "SENTENCEPIECE_INVALID",
    `SentencePiece model: ${what}`,
    details,
    "the file is damaged or is no SentencePiece model; fetch it again",
  );
}

/** True for the types that text can be cut into; the others live in a name space of their own. */
export const isTextType = (type: PieceType): boolean =>
  type === "normal" || type === "user-defined" || type === "unused";

/**
 * Checks what every encoder relies on: pieces not empty, unique, of bounded length and with finite scores, exactly one
 * unknown piece, and 256 byte pieces if and only if there is byte fallback. Throws SENTENCEPIECE_INVALID.
 */
export function checkModel(model: SentencePieceModel): void {
  const { pieces, byteFallback } = model;
  if (pieces.length === 0) throw badModel("it has no pieces");
  if (pieces.length > maximumPieces) {
    throw badModel(`${pieces.length} pieces, at most ${maximumPieces} are read`, { got: pieces.length });
  }
  const text = new Set<string>();
  const reserved = new Set<string>();
  const bytes = new Set<number>();
  let unknowns = 0;
  pieces.forEach(({ piece, score, type }, id) => {
    if (piece.length === 0) throw badModel(`piece ${id} is empty`, { id });
    if (piece.length >= pieceByteLimit) throw badModel(`piece ${id} has ${piece.length} characters`, { id });
    if (piece.includes("\0")) throw badModel(`piece ${id} holds a null character`, { id });
    if (!Number.isFinite(score)) throw badModel(`piece ${id} has the score ${score}`, { id, score });
    const names = isTextType(type) ? text : reserved;
    if (names.has(piece)) throw badModel(`piece ${id}, "${piece}", is there twice`, { id, piece });
    names.add(piece);
    if (type === "unknown") unknowns++;
    if (type === "byte") {
      const byte = byteOfPiece(piece);
      if (byte < 0) throw badModel(`piece ${id} is of type byte but spelled "${piece}"`, { id, piece });
      bytes.add(byte);
    }
  });
  if (unknowns !== 1) throw badModel(`${unknowns} unknown pieces, exactly one is needed`, { got: unknowns });
  if (bytes.size !== (byteFallback ? 256 : 0)) {
    throw badModel(`${bytes.size} byte pieces ${byteFallback ? "with" : "without"} byte fallback`, {
      got: bytes.size,
      wanted: byteFallback ? 256 : 0,
    });
  }
}
