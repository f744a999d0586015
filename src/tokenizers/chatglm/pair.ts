/**
 * Two texts as one sequence: the second is what the model should write after the first. All ChatGLM generations to
 * ChatGLM3 lay it out alike: the prompt as usual, the answer's ids, the end token.
 */
import { CongError } from "../../support/errors.ts";
import type { Tokenizer } from "../tokenizer.ts";

/** Ids of `prompt` with its special tokens, then those of `answer`, then the tokenizer's end id. */
export function encodeChatGlmPair(tokenizer: Tokenizer, prompt: string, answer: string): number[] {
  const { end } = tokenizer.ids;
  if (end === undefined) {
    throw new CongError(
      "BAD_ARGUMENT",
      "a pair of texts: the tokenizer has no end token",
      {},
      "use ChatGLM's tokenizer",
    );
  }
  return [...tokenizer.encode(prompt), ...tokenizer.encode(answer, { addSpecialTokens: false }), end];
}
