/** Conversations as samples: the assistant's answers and what ends them are asked for, prompts are only read. */

import type { Conversation } from "../../data/index.ts";
import { CongError } from "../../support/errors.ts";
import { type ChatMessage, encodeTrainingChat, type LoadedTokenizer } from "../../tokenizers/index.ts";
import { closingOf, openingOf } from "../objectives/objective.ts";
import { ignored, type Sample } from "../objectives/samples.ts";

export interface ChatSampleOptions {
  /** Name of a template; "plain": opening, prompt, answer, closing; null: the tokenizer's own. */
  readonly template: string | null;
  readonly learn: "all" | "last";
}

/** From a learned mask to next-token targets. */
export const sampleOfMask = (ids: readonly number[], learn: readonly boolean[]): Sample => ({
  ids,
  targets: ids.map((_, i) => (learn[i + 1] === true ? ids[i + 1]! : ignored)),
});

/** Turns a conversation into a sample. */
export type ChatEncoder = (conversation: Conversation) => Sample;

export function chatEncoder(tokenizer: LoadedTokenizer, { template, learn }: ChatSampleOptions): ChatEncoder {
  if (template === "plain") return ({ messages }) => plainSample(tokenizer, messages, learn);
  const named = template ?? tokenizer.chatTemplate;
  return ({ messages, tools }) => {
    const options = {
      learn,
      ...(named === undefined ? {} : { template: named }),
      ...(tools === undefined ? {} : { tools }),
    };
    const { ids, learn: mask } = encodeTrainingChat(tokenizer, messages, options);
    return sampleOfMask(ids, mask);
  };
}

/** `[gMASK]<sop>` prompt answer `<eop>`: one after the other, each part encoded by itself. */
function plainSample(tokenizer: LoadedTokenizer, messages: readonly ChatMessage[], learn: "all" | "last"): Sample {
  const closing = closingOf(tokenizer);
  const lastAnswer = messages.findLastIndex(({ role }) => role === "assistant");
  const ids = openingOf(tokenizer);
  const mask = ids.map(() => false);
  messages.forEach(({ role, content, loss }, i) => {
    if (typeof content !== "string") {
      throw new CongError("BAD_MESSAGE", `message ${i} has no text`, { i }, "the template plain takes text only");
    }
    const isAnswer = role === "assistant";
    const own = tokenizer.encode(content, { addSpecialTokens: false });
    if (isAnswer && closing !== undefined) own.push(closing);
    const isLearnt = isAnswer && loss !== false && (learn === "all" || i === lastAnswer);
    ids.push(...own);
    mask.push(...own.map(() => isLearnt));
  });
  return sampleOfMask(ids, mask);
}
