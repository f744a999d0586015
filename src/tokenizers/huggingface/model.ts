/** What the models of tokenizer.json have in common: they turn one word into ids. */
import { bpeModel } from "./bpe-model.ts";
import { type Fields, field, listField, optionalString, place, stringField, unsupported } from "./fields.ts";
import { unigramModel } from "./unigram-model.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { wordLevelModel, wordPieceModel } from "./word-models.ts";

export interface WordModel {
  readonly vocabulary: Vocabulary;
  readonly unknownId?: number;
  /** Appends the ids of one word. */
  encodeWord(word: string, out: number[]): void;
}

/** @param bytes words come as plain text, and the model must look at their bytes (see pre-tokenizers.ts) */
export function modelOf(fields: Fields, bytes: boolean): WordModel {
  const type = optionalString(fields, "type") ?? typeByContent(fields);
  if (type === "BPE") return bpeModel(fields, bytes);
  const make = { WordPiece: wordPieceModel, WordLevel: wordLevelModel, Unigram: unigramModel }[type];
  if (make === undefined) throw unsupported(place(fields, "type"), `the model "${type}"`);
  return make(fields, bytes);
}

/** Files of early versions do not name their model. */
function typeByContent(fields: Fields): string {
  if (field(fields, "merges") !== undefined) return "BPE";
  if (Array.isArray(field(fields, "vocab"))) return listField(fields, "vocab").length >= 0 ? "Unigram" : "";
  if (field(fields, "continuing_subword_prefix") !== undefined) return "WordPiece";
  return field(fields, "unk_token") === undefined ? stringField(fields, "type") : "WordLevel";
}
