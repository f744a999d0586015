/**
 * Vocabularies of GGUF files from the tokenizer files of model folders: byte-level BPE (`tokenizer.json`, tiktoken) and
 * SentencePiece BPE (`tokenizer.model`). What llama.cpp would cut in another way is refused.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CongError } from "../../support/index.ts";
import { byteCharacters } from "../../tokenizers/byte-level/alphabet.ts";
import {
  loadTokenizer,
  parseSentencePieceModel,
  type SentencePieceModel,
  type SpecialIds,
  type Tokenizer,
} from "../../tokenizers/index.ts";
import { looksLikeTiktoken, parseRanks, type Ranks } from "../../tokenizers/tiktoken/parse.ts";
import type { GgufToken, GgufVocabulary } from "./vocabulary.ts";

/** Patterns that cut text into words, and the name that llama.cpp has for each. */
const patterns: Readonly<Record<string, string>> = {
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+":
    "glm4",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+":
    "qwen2",
};

export interface VocabularyOptions {
  /** llama.cpp's name of the pre-tokenizer, where it cannot be told from the files. */
  readonly pre?: string | undefined;
  /** Ids that end an answer, most important first. Default: what the tokenizer's files name. */
  readonly endIds?: readonly number[];
}

/**
 * The vocabulary of a model folder.
 * @throws CongError `EXPORT_UNSUPPORTED` for tokenizers that llama.cpp does not have, and what `loadTokenizer` throws
 */
export async function readGgufVocabulary(folder: string, options: VocabularyOptions = {}): Promise<GgufVocabulary> {
  const tokenizer = await loadTokenizer(folder);
  const ids = idsOf(tokenizer.ids, options.endIds);
  const template = typeof tokenizer.chatTemplate === "string" ? { chatTemplate: tokenizer.chatTemplate } : {};
  const json = join(folder, "tokenizer.json");
  if (await isFile(json)) {
    return { ...fromTokenizerJson(await readFile(json, "utf8"), options), ids, ...template };
  }
  const bytes = await readFile(join(folder, "tokenizer.model")).catch(() => {
    throw unsupported("the folder has neither tokenizer.json nor tokenizer.model");
  });
  const vocabulary = looksLikeTiktoken(bytes)
    ? fromTiktoken(parseRanks(bytes), tokenizer, options)
    : fromSentencePiece(parseSentencePieceModel(bytes), tokenizer);
  return { ...vocabulary, ids, ...template };
}

type Pieces = Omit<GgufVocabulary, "ids" | "chatTemplate">;

interface TokenizerJson {
  readonly model?: {
    readonly type?: string;
    readonly vocab?: Readonly<Record<string, number>>;
    readonly merges?: readonly (string | readonly string[])[];
    readonly byte_fallback?: boolean;
  };
  readonly added_tokens?: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly normalizer?: unknown;
}

/** `text` was read by `loadTokenizer` before, so its structure is sound. */
function fromTokenizerJson(text: string, { pre }: VocabularyOptions): Pieces {
  const { model = {}, added_tokens: added = [], normalizer } = JSON.parse(text) as TokenizerJson;
  if (model.type !== "BPE" || model.byte_fallback === true || !text.includes('"ByteLevel"')) {
    throw unsupported(`its tokenizer.json is ${model.type ?? "of no type"}, and only byte-level BPE has a place there`);
  }
  // NFC changes text only where it is composed differently; llama.cpp's own converter leaves it out, too.
  if (normalizer !== null && normalizer !== undefined && (normalizer as { type?: string }).type !== "NFC") {
    throw unsupported("its tokenizer.json rewrites text before cutting it (normalizer), which llama.cpp does not");
  }
  const found = pre ?? Object.entries(patterns).find(([pattern]) => text.includes(JSON.stringify(pattern)))?.[1];
  if (found === undefined) {
    throw unsupported(
      'llama.cpp\'s name of its pre-tokenizer is not known: pass `pre` (--pre; "llama-bpe", "gpt-2", …; "glm4" for words of one character in Chinese text)',
    );
  }
  const tokens: GgufToken[] = [];
  for (const [token, id] of Object.entries(model.vocab ?? {})) tokens[id] = { text: token, type: "normal" };
  for (const { id, content, special } of added) {
    tokens[id] = { text: content, type: special ? "control" : "userDefined" };
  }
  const merges = (model.merges ?? []).map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  return { model: "gpt2", pre: found, tokens: withoutHoles(tokens), merges };
}

/** GLM-4's rank file: merges are found by cutting every token with the merges before it. */
function fromTiktoken(ranks: Ranks, { specialTokens }: Tokenizer, { pre = "chatglm-bpe" }: VocabularyOptions): Pieces {
  const spell = (bytes: string): string => Array.from(bytes, (byte) => byteCharacters[byte.charCodeAt(0)]!).join("");
  const tokens: GgufToken[] = [];
  const merges: string[] = [];
  for (const [bytes, rank] of [...ranks].sort((a, b) => a[1] - b[1])) {
    tokens[rank] = { text: spell(bytes), type: "normal" };
    if (bytes.length > 1) merges.push(lastMerge(ranks, bytes, rank).map(spell).join(" "));
  }
  for (const [text, id] of specialTokens) tokens[id] = { text, type: "control" };
  return { model: "gpt2", pre, tokens: withoutHoles(tokens), merges };
}

/** The two parts of a token that merges of lower rank leave (tiktoken `_educational.py`, as llama.cpp's converter). */
function lastMerge(ranks: Ranks, token: string, rank: number): string[] {
  let parts = [...token];
  while (parts.length > 2) {
    let best = -1;
    let lowest = rank;
    for (let i = 0; i + 1 < parts.length; i++) {
      const found = ranks.get(parts[i]! + parts[i + 1]!);
      if (found !== undefined && found < lowest) [best, lowest] = [i, found];
    }
    if (best < 0) throw unsupported(`its token of rank ${rank} cannot be made by merging two others`);
    parts = [...parts.slice(0, best), parts[best]! + parts[best + 1]!, ...parts.slice(best + 2)];
  }
  return parts;
}

function fromSentencePiece(model: SentencePieceModel, { specialTokens }: Tokenizer): Pieces {
  if (model.kind !== "bpe") throw unsupported("its tokenizer.model is unigram; llama.cpp's decoders have BPE only");
  if (model.normalizer.charsmap.length > 0 || model.normalizer.removeExtraWhitespaces) {
    throw unsupported("its tokenizer.model rewrites text before cutting it (normalizer), which llama.cpp does not");
  }
  const tokens = model.pieces.map(({ piece, score, type }): GgufToken => {
    return { text: piece, score, type: type === "user-defined" ? "userDefined" : type };
  });
  // ChatGLM2 and 3 add their special tokens in code, behind the file's pieces.
  for (const [text, id] of specialTokens) tokens[id] ??= { text, type: "control", score: 0 };
  const addsSpacePrefix = model.normalizer.addDummyPrefix;
  return { model: "llama", pre: "default", tokens: withoutHoles(tokens), addsSpacePrefix };
}

const withoutHoles = (tokens: readonly (GgufToken | undefined)[]): GgufToken[] =>
  Array.from(tokens, (token, id) => token ?? { text: `[PAD${id}]`, type: "unused", score: 0 });

function idsOf(ids: SpecialIds, endIds: readonly number[] = []): GgufVocabulary["ids"] {
  const [end = ids.end, endOfTurn] = endIds;
  return { begin: ids.begin, end, endOfTurn, unknown: ids.unknown, pad: ids.pad };
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() ?? false;

const unsupported = (reason: string): CongError =>
  new CongError(
    "EXPORT_UNSUPPORTED",
    `cannot export this tokenizer to GGUF: ${reason}`,
    { reason },
    "export without a vocabulary to keep the weights; texts then need another tokenizer",
  );
