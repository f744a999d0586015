/** Replies that are text and nothing else: ChatGLM2 and any model whose tool format is unknown. */
import type { ReplyEvent, ReplyStream } from "../reply.ts";
import { trimmedText } from "./text-flow.ts";

export function plainReply(): ReplyStream {
  const content = trimmedText();
  return {
    push(text) {
      const certain = content.push(text);
      return certain === "" ? [] : [{ type: "content", text: certain } satisfies ReplyEvent];
    },
    end: () => [],
  };
}
