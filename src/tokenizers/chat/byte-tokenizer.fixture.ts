/** A tokenizer for tests that can be checked by eye: one id per UTF-8 byte, and special tokens from 1,000 on. */
import type { Tokenizer } from "../tokenizer.ts";

export const glmTokens = [
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
] as const;

export const thinkingTokens = [
  ...glmTokens,
  "<think>",
  "</think>",
  "<tool_call>",
  "</tool_call>",
  "<tool_response>",
  "</tool_response>",
  "<arg_key>",
  "</arg_key>",
  "<arg_value>",
  "</arg_value>",
  "/nothink",
] as const;

/** `end` is the token that ends a text; `spaced` puts a space before every text, as SentencePiece does. */
export function byteTokenizer(tokens: readonly string[], end = tokens[0] ?? "", spaced = false): Tokenizer {
  const specialTokens = new Map(tokens.map((token, i) => [token, 1000 + i]));
  const tokenOf = (id: number) =>
    id < 256 ? String.fromCharCode(id) : [...specialTokens].find(([, other]) => other === id)?.[0];
  const endId = specialTokens.get(end);
  const bytes = (text: string) => [...new TextEncoder().encode(text)];
  return {
    vocabularySize: 1000 + tokens.length,
    specialTokens,
    ids: endId === undefined ? {} : { end: endId },
    encode(text, options = {}) {
      const { special = "none" } = options;
      const wanted = special === "all" ? tokens : special === "none" ? [] : special;
      const source = spaced && text !== "" ? ` ${text}` : text;
      const ids: number[] = [];
      for (let at = 0; at < source.length; ) {
        const token = [...wanted].sort((a, b) => b.length - a.length).find((word) => source.startsWith(word, at));
        if (token !== undefined) {
          ids.push(specialTokens.get(token)!);
          at += token.length;
        } else {
          const character = String.fromCodePoint(source.codePointAt(at)!);
          ids.push(...bytes(character));
          at += character.length;
        }
      }
      return ids;
    },
    decode(ids, options = {}) {
      let text = "";
      let run: number[] = [];
      const flush = () => {
        text += new TextDecoder().decode(Uint8Array.from(run));
        run = [];
      };
      for (const id of ids) {
        if (id < 256) run.push(id);
        else {
          flush();
          if (options.skipSpecialTokens === false) text += tokenOf(id);
        }
      }
      flush();
      return text;
    },
    tokenOf,
    idOf: (token) => specialTokens.get(token),
    bytesOf: (id) => (id < 256 ? Uint8Array.of(id) : new Uint8Array()),
  };
}

/** Ids as a text in which special tokens stand in `⟨⟩`, so that they differ from text that spells them. */
export function readable(tokenizer: Tokenizer, ids: readonly number[]): string {
  let text = "";
  let run: number[] = [];
  for (const id of [...ids, -1]) {
    if (id >= 0 && id < 256) {
      run.push(id);
      continue;
    }
    text += tokenizer.decode(run);
    run = [];
    if (id >= 0) text += `⟨${tokenizer.tokenOf(id)}⟩`;
  }
  return text;
}

/** The learnt parts of an encoded conversation, joined by `|`. */
export function learntParts(
  tokenizer: Tokenizer,
  encoded: { ids: readonly number[]; learn: readonly boolean[] },
): string {
  const parts: number[][] = [];
  for (const [i, id] of encoded.ids.entries()) {
    if (!encoded.learn[i]) continue;
    if (i > 0 && encoded.learn[i - 1]) parts.at(-1)!.push(id);
    else parts.push([id]);
  }
  return parts.map((part) => readable(tokenizer, part)).join("|");
}
