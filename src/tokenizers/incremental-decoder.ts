/**
 * Text of ids as they arrive. What comes out is always whole characters: a token may end in the middle of one, and is then held back
 * until the next tokens complete it. All that comes out, joined, is what `decode` gives for all ids at once.
 *
 * Works for every tokenizer: a few ids already shown are decoded again with the new ones, so that whatever `decode` does at
 * the start of a text, or between two tokens, is the same as in one piece.
 */
import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

export interface IncrementalDecoder {
  /** The text that this id completes; "" when it ends inside a character. */
  push(id: number): string;
  /** The rest: characters that never became whole, as U+FFFD. Afterwards the decoder starts anew. */
  flush(): string;
}

/** Ids without text (special tokens) are kept as context only up to here; no tokenizer looks further back. */
const longestSilence = 64;
export function createIncrementalDecoder(tokenizer: Tokenizer, options: DecodeOptions = {}): IncrementalDecoder {
  const skipped = options.skipSpecialTokens ?? true;
  let shown: number[] = [];
  let held: number[] = [];
  let missing = 0;

  function release(): string {
    const before = tokenizer.decode(shown, options);
    const all = tokenizer.decode([...shown, ...held], options);
    const text = all.slice(commonLength(before, all));
    shown = text === "" ? [...shown, ...held].slice(-longestSilence) : held;
    held = [];
    missing = 0;
    return text;
  }

  return {
    push(id) {
      const bytes = tokenizer.bytesOf(id);
      // A special token is skipped, and bytes around it join; or it is shown, and ends whatever was left open.
      if (bytes.length === 0) {
        held.push(id);
        if (!skipped) missing = 0;
        return missing > 0 ? "" : release();
      }
      // What was left open is no character if the next byte does not continue it.
      const broken = missing > 0 && (bytes[0]! & 0xc0) !== 0x80 ? release() : "";
      held.push(id);
      missing = bytesMissing(bytes, missing);
      return missing > 0 ? broken : broken + release();
    },
    flush() {
      const rest = held.length === 0 ? "" : release();
      shown = [];
      return rest;
    },
  };
}

/** Continuation bytes still to come after these, given how many were missing before; 0 at the end of a character or nonsense. */
function bytesMissing(bytes: Uint8Array, before: number): number {
  let missing = before;
  for (const byte of bytes) {
    if ((byte & 0xc0) === 0x80) missing = Math.max(0, missing - 1);
    else
      missing = byte >= 0xf0 && byte < 0xf5 ? 3 : byte >= 0xe0 && byte < 0xf0 ? 2 : byte >= 0xc2 && byte < 0xe0 ? 1 : 0;
  }
  return missing;
}

function commonLength(a: string, b: string): number {
  if (b.startsWith(a)) return a.length;
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
