/**
 * A SentencePiece model as a `Tokenizer`.
 *
 * A `.model` file does not say what its model expects around a text, nor which tokens were appended to the vocabulary
 * later, nor how text is prepared: a `SentencePieceLayout` does. Control pieces and added tokens are special: plain text
 * never becomes one of them, however it is spelled, unless `encode` is told to look for them.
 */
import { CongError } from "../../support/errors.ts";
import type { DecodeOptions, EncodeOptions, SpecialIds, Tokenizer } from "../tokenizer.ts";
import { BpeEncoder } from "./bpe.ts";
import { createDecoder } from "./decode.ts";
import type { SentencePieceModel } from "./model.ts";
import { parseSentencePieceModel } from "./model-file.ts";
import { Normalizer } from "./normalizer.ts";
import { buildPieceTable } from "./pieces.ts";
import { UnigramEncoder } from "./unigram.ts";

/** What a family of models adds to a vocabulary file. Every default is "nothing". */
export interface SentencePieceLayout {
  /** Special tokens with ids at or above the number of pieces. */
  readonly added?: ReadonlyMap<string, number>;
  /** What these ids are called; the file's own names are the default. */
  readonly ids?: SpecialIds;
  /** Puts ids around those of a text when special tokens are wanted. */
  readonly surround?: (ids: readonly number[]) => number[];
  /** Rewrites plain text before it is encoded; never sees special tokens. */
  readonly prepare?: (text: string) => string;
  /** Undoes `prepare` on decoded text. */
  readonly restore?: (text: string) => string;
}

/** Makes a tokenizer of a model or of the bytes of its file. Throws what `parseSentencePieceModel` throws. */
export function sentencePieceTokenizer(
  source: SentencePieceModel | Uint8Array,
  layout: SentencePieceLayout = {},
): Tokenizer {
  const model = source instanceof Uint8Array ? parseSentencePieceModel(source) : source;
  const { pieces } = model;
  const added = layout.added ?? new Map<string, number>();
  const addedNames = new Map([...added].map(([token, id]) => [id, token]));
  checkAdded(added, addedNames, pieces.length);
  let names: ReadonlyMap<string, number> | undefined;
  const specialTokens = new Map<string, number>(added);
  pieces.forEach(({ piece, type }, id) => {
    if (type === "control" && !specialTokens.has(piece)) specialTokens.set(piece, id);
  });
  const vocabularySize = Math.max(pieces.length, ...[...added.values()].map((id) => id + 1));
  const encodeText = textEncoder(model, layout);
  const decoder = createDecoder(model);

  const encode = (text: string, options: EncodeOptions = {}): number[] => {
    const { addSpecialTokens = true, special = "none" } = options;
    const wanted = special === "none" ? [] : special === "all" ? [...specialTokens.keys()] : special;
    const ids = wanted.length === 0 ? encodeText(text, []) : encodeMixed(text, wanted, specialTokens, encodeText);
    return addSpecialTokens && layout.surround !== undefined ? layout.surround(ids) : ids;
  };

  const checkId = (id: number): void => {
    if (Number.isInteger(id) && id >= 0 && (id < pieces.length || addedNames.has(id))) return;
    throw new CongError(
      "ID_OUT_OF_RANGE",
      `decode: ${id} is no token of this vocabulary`,
      { id, vocabularySize },
      `ids are whole numbers below ${vocabularySize}; a model's padded rows above the last token must not be sampled`,
    );
  };

  const decode = (ids: Iterable<number>, { skipSpecialTokens = true }: DecodeOptions = {}): string => {
    let text = "";
    let plain: number[] = [];
    for (const id of ids) {
      checkId(id);
      const token = addedNames.get(id) ?? (pieces[id]!.type === "control" ? pieces[id]!.piece : undefined);
      if (token === undefined || skipSpecialTokens) {
        plain.push(id);
      } else {
        text += decoder.decode(plain) + token;
        plain = [];
      }
    }
    text += decoder.decode(plain);
    return layout.restore === undefined ? text : layout.restore(text);
  };

  return {
    vocabularySize,
    specialTokens,
    ids: layout.ids ?? fileIds(model),
    encode,
    decode,
    tokenOf: (id) => addedNames.get(id) ?? pieces[id]?.piece,
    idOf: (token) => {
      names ??= pieceNames(model);
      return added.get(token) ?? names.get(token);
    },
    bytesOf: (id) => {
      checkId(id);
      return addedNames.has(id) ? new Uint8Array(0) : decoder.bytesOf(id);
    },
  };
}

/** Id of every piece by its spelling. Control, unknown and byte pieces come first where one spelling has two ids. */
function pieceNames({ pieces }: SentencePieceModel): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  pieces.forEach(({ piece, type }, id) => {
    const reserved = type === "control" || type === "unknown" || type === "byte";
    if (reserved || !names.has(piece)) names.set(piece, id);
  });
  return names;
}

function fileIds(model: SentencePieceModel): SpecialIds {
  const control = (name: string): number | undefined => {
    const id = model.pieces.findIndex(({ piece, type }) => piece === name && type === "control");
    return id < 0 ? undefined : id;
  };
  const begin = control(model.beginPiece);
  const end = control(model.endPiece);
  const pad = control(model.padPiece);
  return {
    ...(begin === undefined ? {} : { begin }),
    ...(end === undefined ? {} : { end }),
    ...(pad === undefined ? {} : { pad }),
    unknown: model.pieces.findIndex(({ type }) => type === "unknown"),
  };
}

function checkAdded(added: ReadonlyMap<string, number>, names: ReadonlyMap<number, string>, pieces: number): void {
  for (const [token, id] of added) {
    if (token !== "" && Number.isInteger(id) && id >= pieces) continue;
    throw new CongError(
      "BAD_ARGUMENT",
      `added token "${token}": the id ${id} is not free`,
      { token, id, pieces },
      `added tokens have a name, and whole ids from ${pieces} on`,
    );
  }
  if (names.size === added.size) return;
  throw new CongError(
    "BAD_ARGUMENT",
    "added tokens: two of them share an id",
    { added: [...added] },
    "give each its own",
  );
}

type TextEncoding = (text: string, ids: number[]) => number[];

/** Plain text to ids, appended to a list. */
function textEncoder(model: SentencePieceModel, { prepare }: SentencePieceLayout): TextEncoding {
  const table = buildPieceTable(model);
  const normalizer = new Normalizer(model.normalizer, {
    whitespaceAsSuffix: model.treatWhitespaceAsSuffix,
    userDefined: table.userDefined,
  });
  const encoder = model.kind === "unigram" ? new UnigramEncoder(model, table) : new BpeEncoder(model, table);
  return (text, ids) => {
    normalizer.run(prepare === undefined ? text : prepare(text));
    encoder.encode(normalizer.bytes, normalizer.length, ids);
    return ids;
  };
}

/** Text in which the `wanted` special tokens stand for themselves; what lies between them is encoded piece by piece. */
function encodeMixed(
  text: string,
  wanted: readonly string[],
  specialTokens: ReadonlyMap<string, number>,
  encodeText: TextEncoding,
): number[] {
  const ids: number[] = [];
  for (const token of wanted) {
    if (!specialTokens.has(token)) {
      throw new CongError(
        "BAD_ARGUMENT",
        `encode: "${token}" is no special token of this vocabulary`,
        { token, specialTokens: [...specialTokens.keys()] },
        "choose from the tokenizer's specialTokens",
      );
    }
  }
  // Longest first, so that a token which begins like another is found whole.
  const alternatives = [...wanted].sort((a, b) => b.length - a.length).map(escapePattern);
  for (const part of text.split(new RegExp(`(${alternatives.join("|")})`, "u"))) {
    if (part === "") continue;
    const id = specialTokens.get(part);
    if (id !== undefined && wanted.includes(part)) ids.push(id);
    else encodeText(part, ids);
  }
  return ids;
}

const escapePattern = (token: string): string => token.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
