/** WordPiece (BERT: the longest known beginning, again and again) and WordLevel (whole words or nothing). */
import { toAlphabet } from "../byte-level/alphabet.ts";
import { broken, type Fields, field, integerField, place, stringField } from "./fields.ts";
import type { WordModel } from "./model.ts";
import { requireToken, vocabularyOf } from "./vocabulary.ts";

export function wordPieceModel(fields: Fields, bytes: boolean): WordModel {
  const vocabulary = vocabularyOf(field(fields, "vocab"), place(fields, "vocab"));
  const unknownId = requireToken(vocabulary, stringField(fields, "unk_token", "[UNK]"), place(fields, "unk_token"));
  const prefix = stringField(fields, "continuing_subword_prefix", "##");
  const longestWord = integerField(fields, "max_input_chars_per_word", 100);
  const longestToken = Math.max(0, ...vocabulary.tokens.map((token) => token?.length ?? 0));

  return {
    vocabulary,
    unknownId,
    encodeWord(text, out) {
      const word = bytes ? toAlphabet(text) : text;
      const found = out.length;
      // Counting code points needs no list when even the UTF-16 units are few.
      if (word.length > longestWord && [...word].length > longestWord) {
        out.push(unknownId);
        return;
      }
      for (let start = 0; start < word.length; ) {
        const lead = start > 0 ? prefix : "";
        let end = Math.min(word.length, start + longestToken);
        let id: number | undefined;
        // No token ends in half a surrogate pair, so units may stand for characters.
        for (; end > start; end--) {
          id = vocabulary.ids.get(lead + word.slice(start, end));
          if (id !== undefined) break;
        }
        if (id === undefined) {
          out.length = found;
          out.push(unknownId);
          return;
        }
        out.push(id);
        start = end;
      }
    },
  };
}

export function wordLevelModel(fields: Fields, bytes: boolean): WordModel {
  const vocabulary = vocabularyOf(field(fields, "vocab"), place(fields, "vocab"));
  const unknownId = vocabulary.ids.get(stringField(fields, "unk_token", "<unk>"));
  return {
    vocabulary,
    ...(unknownId === undefined ? {} : { unknownId }),
    encodeWord(text, out) {
      const word = bytes ? toAlphabet(text) : text;
      const id = vocabulary.ids.get(word) ?? unknownId;
      if (id === undefined)
        throw broken(
          place(fields, "unk_token"),
          field(fields, "unk_token"),
          "a token of the vocabulary, because the text has an unknown word",
        );
      out.push(id);
    },
  };
}
