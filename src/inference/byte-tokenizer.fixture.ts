/** A tokenizer of single bytes, so that characters break across tokens; id 256 is the special token `<end>`. */
import type { Tokenizer } from "../tokenizers/index.ts";

export const endId = 256;

export const byteTokenizer: Tokenizer = {
  vocabularySize: 257,
  specialTokens: new Map([["<end>", endId]]),
  ids: { end: endId },
  encode: (text) => [...new TextEncoder().encode(text)],
  decode: (ids) => new TextDecoder().decode(Uint8Array.from([...ids].filter((id) => id < 256))),
  tokenOf: (id) => (id < 256 ? String.fromCharCode(id) : id === endId ? "<end>" : undefined),
  idOf: (token) => (token === "<end>" ? endId : token.length === 1 ? token.charCodeAt(0) : undefined),
  bytesOf: (id) => Uint8Array.from(id < 256 ? [id] : []),
};
