/** tiktoken rank files as tokenizers. The file holds no special tokens and no split pattern: they come from the model's family. */
import { CongError } from "../../support/index.ts";
import { byteCharacters, bytesOfToken } from "../byte-level/alphabet.ts";
import { byteBpeEncoder } from "../byte-level/byte-bpe.ts";
import { glm4Pattern } from "../byte-level/patterns.ts";
import { splitter } from "../huggingface/split.ts";
import { translatePattern } from "../pattern/index.ts";
import { assembleTokenizer } from "../pipeline/index.ts";
import type { SpecialIds, Tokenizer } from "../tokenizer.ts";
import { parseRanks, ranksToBpe } from "./parse.ts";

export interface TiktokenOptions {
  /** Special tokens with their ids, or names alone for ids right after the highest rank. Default: none. */
  readonly specialTokens?: ReadonlyMap<string, number> | readonly string[];
  /** How text is cut into words (Oniguruma or Rust syntax). Default GLM-4's. */
  readonly pattern?: string;
  /** Special tokens put before every text. Default none. */
  readonly before?: readonly string[];
  /** Special tokens by role. Default none. */
  readonly names?: Readonly<Partial<Record<keyof SpecialIds, string>>>;
}

/** GLM-4-9B's special tokens, in the order of their ids after the 151,329 ranks. */
export const glm4SpecialTokens: readonly string[] = [
  "<|endoftext|>",
  "[MASK]",
  "[gMASK]",
  "[sMASK]",
  "<sop>",
  "<eop>",
  "<|system|>",
  "<|user|>",
  "<|assistant|>",
  "<|observation|>",
  "<|begin_of_image|>",
  "<|end_of_image|>",
  "<|begin_of_video|>",
  "<|end_of_video|>",
];

/** The tokenizer of GLM-4-9B's own `tokenizer.model`: texts begin with [gMASK] <sop>, <|endoftext|> also pads. */
export function glm4Tokenizer(source: string | Uint8Array, options: TiktokenOptions = {}): Tokenizer {
  return parseTiktoken(source, {
    specialTokens: glm4SpecialTokens,
    before: ["[gMASK]", "<sop>"],
    names: { end: "<|endoftext|>", pad: "<|endoftext|>", mask: "[MASK]" },
    ...options,
  });
}

/**
 * A tokenizer of the text or bytes of a rank file. `tokenOf` spells tokens in GPT-2's byte alphabet, as a tokenizer.json would.
 * @throws CongError `BAD_TOKENIZER_FILE`, `UNSUPPORTED_PATTERN`; `BAD_ARGUMENT` for special tokens that do not fit
 */
export function parseTiktoken(source: string | Uint8Array, options: TiktokenOptions = {}): Tokenizer {
  const ranks = parseRanks(source);
  const split = splitter(translatePattern(options.pattern ?? glm4Pattern), "Isolated");
  const encodeWord = byteBpeEncoder(ranksToBpe(ranks));
  const tokenIds = new Map<string, number>();
  const size = [...ranks.values()].reduce((largest, rank) => Math.max(largest, rank + 1), 0);
  const tokens: (string | undefined)[] = new Array(size).fill(undefined);
  for (const [bytes, rank] of ranks) {
    let token = "";
    for (let i = 0; i < bytes.length; i++) token += byteCharacters[bytes.charCodeAt(i)]!;
    tokens[rank] = token;
    tokenIds.set(token, rank);
  }
  const special = specialIds(options.specialTokens ?? [], tokens);
  const idOf = (name: string): number => {
    const id = special.get(name);
    if (id === undefined) throw badSpecial(name, "not among the special tokens");
    return id;
  };
  const ids: Partial<Record<keyof SpecialIds, number>> = {};
  for (const [role, name] of Object.entries(options.names ?? {})) ids[role as keyof SpecialIds] = idOf(name);
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  return assembleTokenizer({
    tokens,
    tokenIds,
    added: [...special].map(([content, id]) => ({
      content,
      id,
      special: true,
      singleWord: false,
      leftStrip: false,
      rightStrip: false,
      normalized: false,
    })),
    ids,
    encodeText: (text, atStart, out) => split(text, atStart, (word) => encodeWord(word, out)),
    before: (options.before ?? []).map(idOf),
    after: [],
    decodeIds: (list, tokenOf) => utf8.decode(Buffer.concat(list.map((id) => bytesOfToken(tokenOf(id))))),
    bytesOf: (_, token) => bytesOfToken(token),
  });
}

function specialIds(
  given: ReadonlyMap<string, number> | readonly string[],
  tokens: readonly (string | undefined)[],
): ReadonlyMap<string, number> {
  const special = new Map(
    given instanceof Map ? given : [...given].map((name, i) => [name as string, tokens.length + i] as const),
  );
  const taken = new Set<number>();
  for (const [name, id] of special) {
    if (name === "") throw badSpecial(name, "empty");
    if (!Number.isSafeInteger(id) || id < 0 || id > 2 ** 24) throw badSpecial(name, `given the id ${id}`);
    if (tokens[id] !== undefined || taken.has(id)) throw badSpecial(name, `given the id ${id}, which is taken`);
    taken.add(id);
  }
  return special;
}

function badSpecial(name: string, what: string): CongError {
  return new CongError(
    "BAD_ARGUMENT",
    `tiktoken: the special token ${JSON.stringify(name)} is ${what}`,
    { name },
    "give every special token a name and a free id",
  );
}
