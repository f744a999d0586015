/** Where a text ends and its continuation begins, in tokens. */
import type { ModelTokenizer } from "../../inference/index.ts";

export interface SplitIds {
  readonly context: readonly number[];
  readonly target: readonly number[];
}

/**
 * Ids of a context, with the special tokens that the model expects, and of what follows it. Both are encoded in one piece where
 * nothing stands between them, because a token may span the border; it then belongs to the continuation.
 */
export function splitIds(tokenizer: ModelTokenizer, context: string, continuation: string): SplitIds {
  const plain = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  const framed = tokenizer.encode(context);
  const own = plain(context);
  const before = framed.length - own.length;
  const isPrefix = before >= 0 && own.every((id, i) => framed[before + i] === id);
  // Behind special tokens (ChatGLM-6B's [gMASK] <sop>) a text begins anew.
  if (!isPrefix) return { context: framed, target: plain(continuation) };
  const whole = plain(context + continuation);
  let shared = 0;
  while (shared < own.length && whole[shared] === own[shared]) shared++;
  return { context: [...framed.slice(0, before), ...whole.slice(0, shared)], target: whole.slice(shared) };
}

/** `splitIds` for text that may stand at the very start: something is before it also where the tokenizer puts nothing there. */
export function splitIdsFromStart(
  tokenizer: ModelTokenizer,
  endIds: readonly number[],
  context: string,
  continuation: string,
): SplitIds {
  const split = splitIds(tokenizer, context, continuation);
  return split.context.length > 0 ? split : { ...split, context: openingIds(tokenizer, endIds) };
}

/** The tokens before every text; where the model has none, the one that ends texts stands for the start. */
export function openingIds(tokenizer: ModelTokenizer, endIds: readonly number[]): readonly number[] {
  const framed = tokenizer.encode("");
  if (framed.length > 0) return framed;
  const start = tokenizer.ids.begin ?? tokenizer.ids.end ?? endIds[0];
  return start === undefined ? [] : [start];
}
