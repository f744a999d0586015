/**
 * ChatGLM2-6B: `[gMASK] sop`, then rounds counted from 1 with blank lines between their parts. Learnt are the last answer,
 * encoded apart from the question as in the official fine-tuning, and the end-of-text token.
 * Source: `build_prompt` in the model's tokenization_chatglm.py and `ptuning/main.py` (THUDM/ChatGLM2-6B).
 */

import { plainReply } from "../replies/plain.ts";
import { replyFromEvents } from "../reply.ts";
import type { Segment } from "../segment.ts";
import type { ChatTemplate } from "../template.ts";
import { readRounds } from "./rounds.ts";

export const chatglm2: ChatTemplate = {
  name: "chatglm2",
  render(messages, options) {
    const rounds = readRounds("chatglm2", messages, options);
    const last = rounds.at(-1)!;
    const wantsAnswer = options.addGenerationPrompt || last.answer !== undefined;
    const text = rounds
      .map(({ question, answer }, i) => {
        const isLast = i === rounds.length - 1;
        const asked = `[Round ${i + 1}]\n\n问：${question}`;
        if (isLast) return wantsAnswer ? `${asked}\n\n答：` : asked;
        return `${asked}\n\n答：${answer?.text ?? ""}\n\n`;
      })
      .join("");
    const learn = last.answer?.learn ?? false;
    const segments: Segment[] = [
      { kind: "special", text: "[gMASK]", learn: false },
      { kind: "special", text: "sop", learn: false },
      { kind: "text", text, learn: false },
    ];
    if (last.answer !== undefined) segments.push({ kind: "text", text: last.answer.text, learn });
    if (options.close === true && last.answer !== undefined) segments.push({ kind: "end", text: "", learn });
    return { segments, texts: "apart" };
  },
  stopTokens: () => [],
  parseReply: (text) => {
    const stream = plainReply();
    return replyFromEvents([...stream.push(text), ...stream.end()]);
  },
  replyStream: () => plainReply(),
};
