/**
 * ChatGLM-6B: a single question is sent bare; with history, rounds counted from 0. `[gMASK] <sop>` follow the question.
 * Learnt are `<sop>`, the last answer and `<eop>`: the official labels begin at `<sop>`.
 * Source: `chat` in the model's modeling_chatglm.py and `ptuning/main.py` (THUDM/ChatGLM-6B).
 */

import { plainReply } from "../replies/plain.ts";
import { replyFromEvents } from "../reply.ts";
import type { Segment } from "../segment.ts";
import type { ChatTemplate } from "../template.ts";
import { readRounds } from "./rounds.ts";

export const chatglm6b: ChatTemplate = {
  name: "chatglm-6b",
  render(messages, options) {
    const rounds = readRounds("chatglm-6b", messages, options);
    const last = rounds.at(-1)!;
    const wantsAnswer = options.addGenerationPrompt || last.answer !== undefined;
    const text = rounds
      .map(({ question, answer }, i) => {
        const isLast = i === rounds.length - 1;
        if (rounds.length === 1) return question;
        const asked = `[Round ${i}]\n问：${question}`;
        if (isLast) return wantsAnswer ? `${asked}\n答：` : asked;
        return `${asked}\n答：${answer?.text ?? ""}\n`;
      })
      .join("");
    const learn = last.answer?.learn ?? false;
    const segments: Segment[] = [{ kind: "text", text, learn: false }];
    if (wantsAnswer) {
      segments.push({ kind: "special", text: "[gMASK]", learn: false }, { kind: "special", text: "<sop>", learn });
    }
    if (last.answer !== undefined) segments.push({ kind: "text", text: last.answer.text, learn });
    if (options.close === true && last.answer !== undefined) segments.push({ kind: "special", text: "<eop>", learn });
    return { segments, texts: "apart" };
  },
  stopTokens: () => ["<eop>"],
  parseReply: (text) => {
    const stream = plainReply();
    return replyFromEvents([...stream.push(text), ...stream.end()]);
  },
  replyStream: () => plainReply(),
};
