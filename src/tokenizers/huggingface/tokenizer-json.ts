/**
 * Reads Hugging Face's `tokenizer.json`: everything a tokenizer is, in one file.
 *
 * Not followed on purpose: `truncation` and `padding`, which are decisions of a batch, and the second text of pairs.
 */
import { CongError } from "../../support/index.ts";
import { bytesOfToken } from "../byte-level/alphabet.ts";
import { type AddedToken, assembleTokenizer } from "../pipeline/index.ts";
import type { SpecialIds, Tokenizer } from "../tokenizer.ts";
import { byteToken, type Decoding, decodingOf } from "./decoders.ts";
import { booleanField, broken, checkCount, type Fields, field, fieldsOf, integerField, stringField } from "./fields.ts";
import { modelOf, type WordModel } from "./model.ts";
import { normalizerOf } from "./normalizers.ts";
import { surroundingsOf } from "./post-processors.ts";
import { preTokenizerOf } from "./pre-tokenizers.ts";

export interface TokenizerJsonOptions {
  /** Which tokens begin, end, pad …, by name; from tokenizer_config.json. Names that the vocabulary lacks are left out. */
  readonly names?: Readonly<Partial<Record<keyof SpecialIds, string>>>;
  /** More added tokens, with their ids; those of tokenizer.json stay as they are. */
  readonly added?: readonly AddedToken[];
}

/**
 * A tokenizer of the text or bytes of a tokenizer.json.
 * @throws CongError `BAD_TOKENIZER_FILE` for a broken file, `UNSUPPORTED_TOKENIZER` or `UNSUPPORTED_PATTERN` for a part that is
 * not supported; each names the part
 */
export function parseTokenizerJson(source: string | Uint8Array, options: TokenizerJsonOptions = {}): Tokenizer {
  const root = fieldsOf(parseJson(source), "the file");
  const top: Fields = { at: "", values: root.values };
  const normalize = normalizerOf(field(top, "normalizer"), "normalizer");
  const { split, bytes } = preTokenizerOf(field(top, "pre_tokenizer"), "pre_tokenizer");
  const model = modelOf(fieldsOf(field(top, "model"), "model"), bytes);
  const { before, after } = surroundingsOf(field(top, "post_processor"), "post_processor");
  const decoding = decodingOf(field(top, "decoder"), "decoder");
  const { tokens, ids: tokenIds } = model.vocabulary;
  const added = mergeAdded(addedTokens(top, model), options.added ?? []);
  const known = new Map([...tokenIds, ...added.map(({ content, id }) => [content, id] as const)]);
  const knownIds = new Set(known.values());
  for (const id of [...before, ...after]) {
    if (!knownIds.has(id)) throw broken("post_processor", id, "made of ids of the vocabulary");
  }

  return assembleTokenizer({
    tokens,
    tokenIds,
    added,
    ids: specialIds(options.names ?? {}, known, model.unknownId),
    ...(normalize === undefined ? {} : { normalize }),
    encodeText(text, atStart, out) {
      try {
        split(text, atStart, (word) => model.encodeWord(word, out));
      } catch (error) {
        throw error instanceof RangeError ? tooLong(text, error) : error;
      }
    },
    before,
    after,
    ...decoderOf(decoding),
  });
}

function parseJson(source: string | Uint8Array): unknown {
  try {
    const text =
      typeof source === "string" ? source : new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(source);
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CongError(
      "BAD_TOKENIZER_FILE",
      `tokenizer.json is no JSON: ${reason.slice(0, 200)}`,
      { reason },
      "the download may be cut short, or a Git LFS pointer: get the file again",
    );
  }
}

function addedTokens(top: Fields, model: WordModel): AddedToken[] {
  const list = field(top, "added_tokens") ?? [];
  if (!Array.isArray(list)) throw broken("added_tokens", list, "a list");
  const largest = model.vocabulary.tokens.length + list.length + (1 << 20);
  return list.map((value, i) => {
    const at = `added_tokens[${i}]`;
    const fields = fieldsOf(value, at);
    const content = stringField(fields, "content");
    const special = booleanField(fields, "special", false);
    const id = integerField(fields, "id");
    if (id > largest)
      throw broken(`${at}.id`, id, `near the size of the vocabulary, ${model.vocabulary.tokens.length}`);
    return {
      content,
      // The model's own id counts where it has the token, as in Hugging Face.
      id: model.vocabulary.ids.get(content) ?? checkCount(id, `${at}.id`),
      special,
      singleWord: booleanField(fields, "single_word", false),
      leftStrip: booleanField(fields, "lstrip", false),
      rightStrip: booleanField(fields, "rstrip", false),
      normalized: booleanField(fields, "normalized", !special),
    };
  });
}

/** The first of equal names counts, so the file's own tokens come first. */
function mergeAdded(own: readonly AddedToken[], more: readonly AddedToken[]): AddedToken[] {
  const byContent = new Map<string, AddedToken>();
  for (const token of [...own, ...more]) if (!byContent.has(token.content)) byContent.set(token.content, token);
  return [...byContent.values()];
}

function specialIds(
  names: NonNullable<TokenizerJsonOptions["names"]>,
  known: ReadonlyMap<string, number>,
  unknownId: number | undefined,
): SpecialIds {
  const ids: Partial<Record<keyof SpecialIds, number>> = unknownId === undefined ? {} : { unknown: unknownId };
  for (const [role, name] of Object.entries(names)) {
    const id = known.get(name);
    if (id !== undefined) ids[role as keyof SpecialIds] = id;
  }
  return ids;
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function decoderOf({ decode, byteLevel, byteFallback }: Decoding): {
  decodeIds(ids: readonly number[], tokenOf: (id: number) => string): string;
  bytesOf(id: number, token: string): Uint8Array;
} {
  if (byteLevel) {
    const cache = new Map<string, Uint8Array>();
    const bytesOf = (token: string): Uint8Array => {
      let bytes = cache.get(token);
      if (bytes === undefined) {
        bytes = bytesOfToken(token);
        cache.set(token, bytes);
      }
      return bytes;
    };
    return {
      decodeIds: (ids, tokenOf) => utf8.decode(Buffer.concat(ids.map((id) => bytesOf(tokenOf(id))))),
      bytesOf: (_, token) => bytesOf(token).slice(),
    };
  }
  return {
    decodeIds: (ids, tokenOf) => decode(ids.map(tokenOf)).join(""),
    bytesOf(_, token) {
      const byte = byteFallback ? byteToken.exec(token) : null;
      if (byte !== null) return Uint8Array.of(Number.parseInt(byte[1]!, 16));
      // What a second one adds to the first: the beginning of a text may be cleaned up.
      return encoder.encode(
        decode([token, token])
          .join("")
          .slice(decode([token]).join("").length),
      );
    },
  };
}

function tooLong(text: string, error: RangeError): CongError {
  return new CongError(
    "TEXT_TOO_LONG",
    `encode: a text of ${text.length} characters is too long for the split pattern of this tokenizer (${error.message})`,
    { length: text.length },
    "cut the text at line ends and encode the parts",
  );
}
