/**
 * The BPE model of tokenizer.json. Byte-level vocabularies take the fast way over the bytes themselves; all others (byte fallback as in
 * Llama 2, prefixes and suffixes for parts of words, unknown tokens) go character by character.
 */
import {
  createMergeTable,
  createWordCache,
  longestCachedWord,
  type Merge,
  mergeIds,
  mostMerges,
} from "../bpe/index.ts";
import { byteCharacters, bytesOfToken, toAlphabet } from "../byte-level/alphabet.ts";
import { byteBpeEncoder } from "../byte-level/byte-bpe.ts";
import { booleanField, broken, type Fields, field, listField, optionalString, place, unsupported } from "./fields.ts";
import type { WordModel } from "./model.ts";
import { requireToken, type Vocabulary, vocabularyOf } from "./vocabulary.ts";

/** @param bytes true when words come as plain text whose bytes count, not in the byte alphabet */
export function bpeModel(fields: Fields, bytes: boolean): WordModel {
  const dropout = field(fields, "dropout");
  if (dropout !== undefined && dropout !== 0) {
    throw unsupported(place(fields, "dropout"), "random merges (a setting for training)");
  }
  const vocabulary = vocabularyOf(field(fields, "vocab"), place(fields, "vocab"));
  const prefix = optionalString(fields, "continuing_subword_prefix") ?? "";
  const suffix = optionalString(fields, "end_of_word_suffix") ?? "";
  const unknown = optionalString(fields, "unk_token");
  const unknownId = unknown === undefined ? undefined : vocabulary.ids.get(unknown);
  const merges = createMergeTable(mergesOf(fields, vocabulary, prefix));
  const ignoreMerges = booleanField(fields, "ignore_merges", false);
  const base = { vocabulary, ...(unknownId === undefined ? {} : { unknownId }) };

  const byteIds = byteCharacters.map((character) => vocabulary.ids.get(character) ?? -1);
  if (bytes && prefix === "" && suffix === "" && !byteIds.includes(-1)) {
    const wholeWords = ignoreMerges ? { wholeWords: textTokens(vocabulary) } : {};
    return { ...base, encodeWord: byteBpeEncoder({ merges, byteIds: Int32Array.from(byteIds), ...wholeWords }) };
  }

  const fuse = booleanField(fields, "fuse_unk", false);
  const fallback = booleanField(fields, "byte_fallback", false) ? byteTokens(vocabulary) : undefined;
  const unknownToken =
    unknown === undefined ? undefined : requireToken(vocabulary, unknown, place(fields, "unk_token"));

  function symbolsOf(word: string): Int32Array {
    const characters = [...word];
    const ids: number[] = [];
    let pendingUnknown = false;
    characters.forEach((character, i) => {
      const symbol = (i > 0 ? prefix : "") + character + (i === characters.length - 1 ? suffix : "");
      const id = vocabulary.ids.get(symbol);
      if (id !== undefined) {
        if (pendingUnknown) ids.push(unknownToken!);
        pendingUnknown = false;
        ids.push(id);
        return;
      }
      const spelled = fallback?.(symbol);
      if (spelled !== undefined) {
        ids.push(...spelled);
        return;
      }
      if (unknownToken === undefined) return;
      if (pendingUnknown && !fuse) ids.push(unknownToken);
      pendingUnknown = true;
    });
    if (pendingUnknown) ids.push(unknownToken!);
    return Int32Array.from(ids);
  }

  const cache = createWordCache();
  function encodeWord(word: string, out: number[]): void {
    if (ignoreMerges) {
      const id = vocabulary.ids.get(word);
      if (id !== undefined) {
        out.push(id);
        return;
      }
    }
    const cacheable = word.length <= longestCachedWord;
    let ids = cacheable ? cache.get(word) : undefined;
    if (ids === undefined) {
      const symbols = symbolsOf(word);
      ids = Array.from(symbols.subarray(0, mergeIds(merges, symbols, symbols.length)));
      if (cacheable) cache.set(word, ids);
    }
    for (let i = 0; i < ids.length; i++) out.push(ids[i]!);
  }
  return { ...base, encodeWord: bytes ? (word, out) => encodeWord(toAlphabet(word), out) : encodeWord };
}

/** Merges are written `"left right"` in older files, `["left", "right"]` in newer ones. */
function mergesOf(fields: Fields, vocabulary: Vocabulary, prefix: string): Merge[] {
  const list = listField(fields, "merges");
  if (list.length >= mostMerges) throw unsupported(place(fields, "merges"), `${list.length} merges`);
  return list.map((entry, i) => {
    const at = `${place(fields, "merges")}[${i}]`;
    const pair: readonly unknown[] = typeof entry === "string" ? entry.split(" ") : Array.isArray(entry) ? entry : [];
    const [left, right] = pair;
    if (pair.length !== 2 || typeof left !== "string" || typeof right !== "string") {
      throw broken(at, entry, 'two tokens: ["left", "right"] or "left right"');
    }
    const continued = prefix !== "" && right.startsWith(prefix) ? right.slice(prefix.length) : right;
    return {
      left: requireToken(vocabulary, left, at),
      right: requireToken(vocabulary, right, at),
      result: requireToken(vocabulary, left + continued, at),
    };
  });
}

/** Tokens of a byte-level vocabulary whose bytes are text, by that text. */
function textTokens(vocabulary: Vocabulary): Map<string, number> {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const texts = new Map<string, number>();
  for (const [token, id] of vocabulary.ids) {
    try {
      texts.set(strict.decode(bytesOfToken(token)), id);
    } catch {
      // Half a character: no word can equal it.
    }
  }
  return texts;
}

/** Spells a symbol in `<0x00>` … `<0xFF>` tokens; undefined when one of them is missing. Also used by Unigram. */
export function byteTokens(vocabulary: Vocabulary): (symbol: string) => number[] | undefined {
  const encoder = new TextEncoder();
  const ids = Array.from({ length: 256 }, (_, byte) =>
    vocabulary.ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
  return (symbol) => {
    const spelled = Array.from(encoder.encode(symbol), (byte) => ids[byte]);
    return spelled.includes(undefined) ? undefined : (spelled as number[]);
  };
}
