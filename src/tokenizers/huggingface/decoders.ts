/**
 * The decoders of tokenizer.json: from tokens back to text. Each turns a list of strings into another; the last list is joined.
 */
import { bytesOfToken } from "../byte-level/alphabet.ts";
import {
  booleanField,
  broken,
  byType,
  deepestNesting,
  type Fields,
  field,
  fieldsOf,
  integerField,
  listField,
  place,
  stringField,
} from "./fields.ts";
import { metaspaceOf } from "./pre-tokenizers.ts";
import { textPattern } from "./text-pattern.ts";

export type Decoder = (tokens: readonly string[]) => readonly string[];

export interface Decoding {
  readonly decode: Decoder;
  /** The whole decoder is ByteLevel: every token is bytes, whatever stands beside it. */
  readonly byteLevel: boolean;
  /** `<0x41>` stands for a byte. */
  readonly byteFallback: boolean;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function decodingOf(value: unknown, at: string): Decoding {
  // Without a decoder, Hugging Face puts spaces between tokens.
  if (value === undefined || value === null) {
    return { decode: (tokens) => [tokens.join(" ")], byteLevel: false, byteFallback: false };
  }
  const types = new Set<string>();
  const decode = decoderOf(value, at, 0, types);
  return { decode, byteLevel: types.size === 1 && types.has("ByteLevel"), byteFallback: types.has("ByteFallback") };
}

function decoderOf(value: unknown, at: string, depth: number, types: Set<string>): Decoder {
  if (depth > deepestNesting) throw broken(at, "nested too deep", `nested at most ${deepestNesting} deep`);
  const part = fieldsOf(value, at);
  types.add(stringField(part, "type"));
  return byType<Decoder>("decoder", part, {
    ByteLevel: () => (tokens) => [utf8.decode(Buffer.concat(tokens.map(bytesOfToken)))],
    ByteFallback: () => byteFallback,
    Fuse: () => (tokens) => [tokens.join("")],
    Strip: strip,
    Replace: (fields) => {
      const pattern = textPattern(fields);
      const content = stringField(fields, "content");
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
    },
    Metaspace: (fields) => {
      const { replacement, scheme } = metaspaceOf(fields);
      return (tokens) =>
        tokens.map((token, i) => token.replaceAll(replacement, i === 0 && scheme !== "never" ? "" : " "));
    },
    WordPiece: (fields) => {
      const prefix = stringField(fields, "prefix", "##");
      const clean = booleanField(fields, "cleanup", true);
      return (tokens) =>
        tokens.map((token, i) => {
          const joined = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
          return clean ? tidy(joined) : joined;
        });
    },
    BPEDecoder: (fields) => {
      const suffix = stringField(fields, "suffix", "</w>");
      return (tokens) =>
        suffix === "" ? tokens : tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? "" : " "));
    },
    CTC: ctc,
    Sequence: (fields) => {
      const parts = listField(fields, "decoders").map((inner, i) =>
        decoderOf(inner, `${place(fields, "decoders")}[${i}]`, depth + 1, types),
      );
      types.delete("Sequence");
      return (tokens) => parts.reduce((current, decode) => decode(current), tokens);
    },
  });
}

export const byteToken = /^<0x([0-9A-Fa-f]{2})>$/;

/** A run of byte tokens is one string when it is valid UTF-8, and U+FFFD for every byte when it is not. */
function byteFallback(tokens: readonly string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      result.push(strictUtf8.decode(Uint8Array.from(bytes)));
    } catch {
      for (const _ of bytes) result.push("\ufffd");
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = byteToken.exec(token);
    if (byte !== null) {
      bytes.push(Number.parseInt(byte[1]!, 16));
      continue;
    }
    flush();
    result.push(token);
  }
  flush();
  return result;
}

function strip(fields: Fields): Decoder {
  const content = field(fields, "content");
  if (typeof content !== "string" || [...content].length !== 1) {
    throw broken(place(fields, "content"), content, "one character");
  }
  const start = integerField(fields, "start", 0);
  const stop = integerField(fields, "stop", 0);
  return (tokens) =>
    tokens.map((token) => {
      let from = 0;
      for (let i = 0; i < start && token.startsWith(content, from); i++) from += content.length;
      let to = token.length;
      for (let i = 0; i < stop && to - content.length >= from && token.endsWith(content); i++) {
        if (token.slice(to - content.length, to) !== content) break;
        to -= content.length;
      }
      return token.slice(from, to);
    });
}

function ctc(fields: Fields): Decoder {
  const pad = stringField(fields, "pad_token", "<pad>");
  const delimiter = stringField(fields, "word_delimiter_token", "|");
  const clean = booleanField(fields, "cleanup", true);
  return (tokens) =>
    tokens
      .filter((token, i) => i === 0 || token !== tokens[i - 1])
      .map((token) => {
        const text = pad === "" ? token : token.replaceAll(pad, "");
        return clean ? tidy(text).replaceAll(delimiter, " ") : text;
      })
      .filter((token) => token !== "");
}

/** English spacing, the fixed list of Hugging Face's `cleanup`. */
function tidy(text: string): string {
  const pairs = [
    [" .", "."],
    [" ?", "?"],
    [" !", "!"],
    [" ,", ","],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [" do not", " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ] as const;
  return pairs.reduce((current, [from, to]) => current.replaceAll(from, to), text);
}
