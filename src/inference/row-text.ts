/** The text of one answer while it grows: whole characters only, and nothing of a stop string. */
import { createIncrementalDecoder, type Tokenizer } from "../tokenizers/index.ts";
import { createStopMatcher } from "./stop-strings.ts";

export interface RowText {
  /** Takes a token; true when a stop string ends the text. */
  push(id: number): boolean;
  /** No more tokens come: what was held back is given out. */
  finish(): void;
  /** The text given out since the last call. */
  take(): string;
  /** The stop string that ended the text. */
  readonly stoppedBy: string | undefined;
}

/** @param endIds tokens that end the answer and are no part of its text */
export function createRowText(tokenizer: Tokenizer, stops: readonly string[], endIds: readonly number[]): RowText {
  const decoder = createIncrementalDecoder(tokenizer);
  const matcher = createStopMatcher(stops);
  let ready = "";
  return {
    push(id) {
      if (!endIds.includes(id)) ready += matcher.push(decoder.push(id));
      return matcher.found !== undefined;
    },
    finish() {
      if (matcher.found !== undefined) return;
      ready += matcher.push(decoder.flush());
      ready += matcher.finish();
    },
    take() {
      const text = ready;
      ready = "";
      return text;
    },
    get stoppedBy() {
      return matcher.found;
    },
  };
}
