/** Log-probabilities in the two shapes of OpenAI's API: of chats, and the older one of completions. */
import type { StreamPart } from "../inference/index.ts";
import type { Tokenizer } from "../tokenizers/index.ts";

interface TokenEntry {
  readonly token: string;
  readonly logprob: number;
  /** UTF-8 of the token: a token may be a part of a character. */
  readonly bytes: readonly number[];
}

export interface ChatLogProbability extends TokenEntry {
  readonly top_logprobs: readonly TokenEntry[];
}

/** JSON has no −∞; OpenAI gives this number for forbidden tokens. */
const leastLogProbability = -9999;

const entryOf = (tokenizer: Tokenizer, id: number, logProbability: number): TokenEntry => {
  const bytes = [...tokenizer.bytesOf(id)];
  return {
    token: bytes.length === 0 ? (tokenizer.tokenOf(id) ?? "") : new TextDecoder().decode(Uint8Array.from(bytes)),
    logprob: Math.max(leastLogProbability, logProbability),
    bytes,
  };
};

/** One token for `choices[].logprobs.content`. */
export function chatLogProbability(tokenizer: Tokenizer, part: StreamPart): ChatLogProbability {
  return {
    ...entryOf(tokenizer, part.id, part.logProbability!),
    top_logprobs: (part.alternatives ?? []).map(({ id, logProbability }) => entryOf(tokenizer, id, logProbability)),
  };
}

/** `choices[].logprobs` of a text completion. */
export interface TextLogProbabilities {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
  readonly top_logprobs: readonly Readonly<Record<string, number>>[];
  /** Where each token begins, in UTF-16 units of the answer. */
  readonly text_offset: readonly number[];
}

/** @param offset where the first token begins */
export function textLogProbabilities(
  tokenizer: Tokenizer,
  parts: readonly StreamPart[],
  offset = 0,
): TextLogProbabilities {
  const entries = parts.map((part) => chatLogProbability(tokenizer, part));
  let at = offset;
  return {
    tokens: entries.map(({ token }) => token),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ top_logprobs }) =>
      Object.fromEntries(top_logprobs.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: parts.map(({ text }) => {
      const begin = at;
      at += text.length;
      return begin;
    }),
  };
}
