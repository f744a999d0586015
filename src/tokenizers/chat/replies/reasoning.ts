/** `<think>…</think>` in front of a reply: GLM-Z1, GLM-4.5 and later. What follows goes to the parser of the body. */
import type { ReplyEvent, ReplyStream } from "../reply.ts";
import { markPosition, trimmedText } from "./text-flow.ts";

const opening = "<think>";
const closing = "</think>";

/** `inside`: the prompt has opened the block already, so the reply may begin in the middle of it. */
export function withReasoning(body: ReplyStream, inside: boolean): ReplyStream {
  let state: "start" | "thinking" | "body" = "start";
  let buffer = "";
  const thought = trimmedText();

  const think = (text: string, events: ReplyEvent[]) => {
    const certain = thought.push(text);
    if (certain !== "") events.push({ type: "reasoning", text: certain });
  };
  const advance = (events: ReplyEvent[]): void => {
    if (state === "start") {
      const seen = buffer.trimStart();
      // Too short to tell, unless it already differs.
      if (seen.length < opening.length && opening.startsWith(seen)) return;
      state = inside || seen.startsWith(opening) ? "thinking" : "body";
      if (seen.startsWith(opening)) buffer = seen.slice(opening.length);
    }
    if (state === "thinking") {
      const { at, complete } = markPosition(buffer, closing);
      think(buffer.slice(0, at), events);
      buffer = buffer.slice(complete ? at + closing.length : at);
      if (complete) state = "body";
    }
    if (state === "body") {
      events.push(...body.push(buffer));
      buffer = "";
    }
  };
  return {
    push(text) {
      const events: ReplyEvent[] = [];
      buffer += text;
      advance(events);
      return events;
    },
    end() {
      const events: ReplyEvent[] = [];
      // A reply that ends inside its thoughts was cut off: what there is, is reasoning.
      if (state === "thinking" || (state === "start" && inside)) think(buffer, events);
      else if (buffer !== "") events.push(...body.push(buffer));
      return [...events, ...body.end()];
    },
  };
}
