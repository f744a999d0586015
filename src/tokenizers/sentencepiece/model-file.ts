/**
 * Reads and writes SentencePiece `.model` files.
 *
 * The reader trusts nothing: a file is either a model that every encoder can work with, or a CongError. Sizes are bounded
 * before anything is built from them, and the rewriting rules are walked once, so that encoding needs no checks.
 */
import { CongError } from "../../support/errors.ts";
import { readCharsmap } from "./charsmap.ts";
import {
  badModel,
  checkModel,
  maximumPieces,
  type NormalizerSettings,
  type PieceType,
  pieceTypeCodes,
  type SentencePiece,
  type SentencePieceModel,
} from "./model.ts";
import {
  type ModelMessage,
  modelProto,
  modelTypes,
  type NormalizerMessage,
  normalizerSpec,
  type PieceMessage,
  type TrainerMessage,
  trainerSpec,
} from "./schema.ts";

/** Real files are 0.1 to 5 MB. */
const maximumFileBytes = 64 * 1024 * 1024;
/** What SentencePiece writes for the unknown piece when a file does not say: two question marks between spaces. */
const defaultUnknownSurface = " \u2047 ";

const typeNames = new Map(Object.entries(pieceTypeCodes).map(([name, code]) => [code, name as PieceType]));
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a `.model` file. Throws CongError SENTENCEPIECE_INVALID or SENTENCEPIECE_UNSUPPORTED, nothing else. */
export function parseSentencePieceModel(bytes: Uint8Array): SentencePieceModel {
  if (bytes.length > maximumFileBytes) {
    throw badModel(`${bytes.length} bytes, at most ${maximumFileBytes} are read`, { got: bytes.length });
  }
  const message = decodeMessage(bytes);
  const trainer = message.trainer_spec ?? (trainerSpec.create() as unknown as TrainerMessage);
  const normalizer = message.normalizer_spec ?? (normalizerSpec.create() as unknown as NormalizerMessage);
  const model: SentencePieceModel = {
    kind: kindOf(trainer.model_type),
    pieces: readPieces(message.pieces),
    normalizer: readNormalizer(normalizer),
    ...(message.denormalizer_spec ? { denormalizer: readNormalizer(message.denormalizer_spec) } : {}),
    byteFallback: trainer.byte_fallback,
    treatWhitespaceAsSuffix: trainer.treat_whitespace_as_suffix,
    // An empty surface is a real choice, so presence decides and not emptiness.
    unknownSurface: Object.hasOwn(trainer, "unk_surface") ? trainer.unk_surface : defaultUnknownSurface,
    unknownPiece: trainer.unk_piece,
    beginPiece: trainer.bos_piece,
    endPiece: trainer.eos_piece,
    padPiece: trainer.pad_piece,
  };
  checkModel(model);
  return model;
}

function decodeMessage(bytes: Uint8Array): ModelMessage {
  try {
    return modelProto.decode(bytes) as unknown as ModelMessage;
  } catch (error) {
    throw badModel(`not a readable protobuf message: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function kindOf(code: number): "unigram" | "bpe" {
  if (code === modelTypes.unigram) return "unigram";
  if (code === modelTypes.bpe) return "bpe";
  throw new CongError(
    "SENTENCEPIECE_UNSUPPORTED",
    `SentencePiece model: type ${code}${code === 3 ? " (word)" : code === 4 ? " (char)" : ""} is not read`,
    { got: code, wanted: modelTypes },
    "unigram and bpe models are read; retrain with one of these types",
  );
}

function readPieces(messages: readonly PieceMessage[]): SentencePiece[] {
  if (messages.length > maximumPieces) {
    throw badModel(`${messages.length} pieces, at most ${maximumPieces} are read`, { got: messages.length });
  }
  return messages.map(({ piece, score, type }, id) => {
    const name = typeNames.get(type);
    if (name === undefined) throw badModel(`piece ${id} has the unknown type ${type}`, { id, got: type });
    return { piece: decodeText(piece, `piece ${id}`), score, type: name };
  });
}

function readNormalizer(message: NormalizerMessage): NormalizerSettings {
  // A copy, because the message's bytes are a view that would keep the whole file in memory.
  const charsmap = new Uint8Array(message.precompiled_charsmap);
  if (charsmap.length > 0) readCharsmap(charsmap);
  return {
    name: message.name,
    charsmap,
    addDummyPrefix: message.add_dummy_prefix,
    removeExtraWhitespaces: message.remove_extra_whitespaces,
    escapeWhitespaces: message.escape_whitespaces,
  };
}

function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw badModel(`${what} is not UTF-8`);
  }
}

/** The bytes of a `.model` file that SentencePiece itself reads. Throws SENTENCEPIECE_INVALID for a broken model. */
export function writeSentencePieceModel(model: SentencePieceModel): Uint8Array {
  checkModel(model);
  const encoder = new TextEncoder();
  const idOf = (name: string, wanted: PieceType): number =>
    model.pieces.findIndex(({ piece, type }) => piece === name && type === wanted);
  const message = {
    pieces: model.pieces.map(({ piece, score, type }) => ({
      piece: encoder.encode(piece),
      score,
      type: pieceTypeCodes[type],
    })),
    trainer_spec: {
      model_type: modelTypes[model.kind],
      vocab_size: model.pieces.length,
      treat_whitespace_as_suffix: model.treatWhitespaceAsSuffix,
      byte_fallback: model.byteFallback,
      unk_id: idOf(model.unknownPiece, "unknown"),
      bos_id: idOf(model.beginPiece, "control"),
      eos_id: idOf(model.endPiece, "control"),
      pad_id: idOf(model.padPiece, "control"),
      unk_surface: model.unknownSurface,
      unk_piece: model.unknownPiece,
      bos_piece: model.beginPiece,
      eos_piece: model.endPiece,
      pad_piece: model.padPiece,
    },
    normalizer_spec: normalizerMessage(model.normalizer),
    ...(model.denormalizer === undefined ? {} : { denormalizer_spec: normalizerMessage(model.denormalizer) }),
  };
  // A plain array: under Node protobufjs gives a Buffer, whose `slice` shares its bytes.
  return Uint8Array.from(modelProto.encode(modelProto.create(message)).finish());
}

const normalizerMessage = (settings: NormalizerSettings): NormalizerMessage => ({
  name: settings.name,
  precompiled_charsmap: settings.charsmap,
  add_dummy_prefix: settings.addDummyPrefix,
  remove_extra_whitespaces: settings.removeExtraWhitespaces,
  escape_whitespaces: settings.escapeWhitespaces,
});
