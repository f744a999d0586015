/** Checks of prompts where they come in. */
import { CongError } from "../support/errors.ts";

export interface PromptLimits {
  /** V */
  readonly vocabulary: number;
  /** Most tokens of prompt and answer together. */
  readonly limit: number;
}

/**
 * Refuses what the model cannot read.
 * @throws CongError `BAD_ARGUMENT` for no prompt or an empty one, `ID_OUT_OF_RANGE`, `PROMPT_TOO_LONG`
 */
export function checkPrompts(prompts: readonly (readonly number[])[], { vocabulary, limit }: PromptLimits): void {
  if (prompts.length === 0) {
    throw new CongError("BAD_ARGUMENT", "there is no prompt", {}, "pass at least one list of token ids");
  }
  prompts.forEach((ids, row) => {
    checkIds(ids, row, vocabulary);
    if (ids.length < limit) return;
    throw new CongError(
      "PROMPT_TOO_LONG",
      `prompt ${row} has ${ids.length} tokens, the model's context holds ${limit} with the answer`,
      { row, length: ids.length, limit },
      "shorten the prompt; for a conversation, leave out its oldest messages",
    );
  });
}

/** Refuses an empty row and ids outside the vocabulary. */
export function checkIds(ids: readonly number[], row: number, vocabulary: number): void {
  if (ids.length === 0) {
    throw new CongError("BAD_ARGUMENT", `prompt ${row} is empty`, { row }, "begin with at least one token");
  }
  const at = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
  if (at < 0) return;
  throw new CongError(
    "ID_OUT_OF_RANGE",
    `prompt ${row}: token ${at} is ${ids[at]}, the model has ids 0 to ${vocabulary - 1}`,
    { row, at, id: ids[at], vocabulary },
    "tokenizer and model must belong together",
  );
}
