/**
 * The Precompiled normalizer: the rewriting rules of a SentencePiece model (base64). Applied as Hugging Face does it, which is not quite
 * SentencePiece's way: a grapheme below six bytes is looked up as a whole, then its characters one by one, and of several rules that
 * begin a lookup the shortest wins.
 */
import { CongError } from "../../support/index.ts";
import { offsetOf, readCharsmap } from "../sentencepiece/charsmap.ts";
import { broken, type Fields, field, place, stringField } from "./fields.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });
/** Text of which every character surely is a grapheme: no need for the slow segmenter. */
const simpleText = /^[\n -~\u3000-\u3029\u3041-\u3096\u30a1-\u30ff\u4e00-\u9fff\uff01-\uff60]*$/;
const longestGrapheme = 6;

export function precompiledNormalizer(fields: Fields): (text: string) => string {
  // Some files say null: no rules.
  if (field(fields, "precompiled_charsmap") === undefined) return (text) => text;
  const charsmap = rulesOf(fields);
  const cache = new Map<string, string | undefined>();

  function lookUp(chunk: string): string | undefined {
    if (cache.has(chunk)) return cache.get(chunk);
    const replacement = search(chunk);
    if (cache.size > 10_000) cache.clear();
    cache.set(chunk, replacement);
    return replacement;
  }

  function search(chunk: string): string | undefined {
    const { units, replacements } = charsmap;
    let node = offsetOf(units[0]!);
    for (const byte of encoder.encode(chunk)) {
      const child = node ^ byte;
      if (byte === 0 || child >= units.length || (units[child]! & 0x800000ff) >>> 0 !== byte) return undefined;
      node = child ^ offsetOf(units[child]!);
      if ((units[child]! & 0x100) === 0) continue;
      const start = units[node]! & 0x7fffffff;
      return decoder.decode(replacements.subarray(start, replacements.indexOf(0, start)));
    }
    return undefined;
  }

  const eachCharacter = (text: string): string => {
    let result = "";
    for (const character of text) result += lookUp(character) ?? character;
    return result;
  };

  return (text) => {
    if (simpleText.test(text)) return eachCharacter(text);
    let result = "";
    for (const { segment } of segmenter.segment(text)) {
      const whole = encoder.encode(segment).length < longestGrapheme ? lookUp(segment) : undefined;
      result += whole ?? eachCharacter(segment);
    }
    return result;
  };
}

function rulesOf(fields: Fields): ReturnType<typeof readCharsmap> {
  const at = place(fields, "precompiled_charsmap");
  const text = stringField(fields, "precompiled_charsmap");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw broken(at, text, "base64");
  try {
    return readCharsmap(Buffer.from(text, "base64"));
  } catch (error) {
    if (CongError.is(error)) throw broken(at, error.message, "the rules of a SentencePiece model");
    throw error;
  }
}
