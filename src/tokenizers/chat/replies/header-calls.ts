/**
 * Replies whose first line is a header: empty for text, a function's name for a tool call (ChatGLM3, GLM-4, GLM-4-0414).
 * Several messages in a row are separated by `<|assistant|>`. What the call's body looks like is the format's business.
 */
import { functionOf } from "../message.ts";
import type { ParseReplyOptions, ReplyEvent, ReplyStream } from "../reply.ts";
import { markPosition, trimmedText } from "./text-flow.ts";

export interface CallFormat {
  /** Whether `body` (without white space in front) begins like a call; undefined while it is too short to tell. */
  beginsLikeCall(name: string, body: string): boolean | undefined;
  /** The arguments as JSON text, or the reason why there are none. */
  parse(name: string, body: string): { readonly json: string } | { readonly reason: string };
}

const separator = "<|assistant|>";
const namePattern = /^[A-Za-z_][\w.-]{0,127}$/;

export function headerCalls(format: CallFormat, options: ParseReplyOptions = {}): ReplyStream {
  const nameCall = options.callId ?? ((index: number) => `call_${index}`);
  const known = options.tools === undefined ? undefined : new Set(options.tools.map((tool) => functionOf(tool).name));
  const content = trimmedText();
  let state: "header" | "text" | "call" = "header";
  /** Text not yet judged; in state `call`, the whole message with its header. */
  let buffer = "";
  let count = 0;
  let spoke = false;
  let betweenMessages = false;

  const say = (text: string, events: ReplyEvent[]) => {
    const certain = content.push(text);
    if (certain === "") return;
    events.push({ type: "content", text: betweenMessages && spoke ? `\n${certain}` : certain });
    betweenMessages = false;
    spoke = true;
  };
  const finishCall = (message: string, events: ReplyEvent[]) => {
    const { name, body } = splitHeader(message);
    const parsed = known?.has(name) === false ? { reason: `no tool is called "${name}"` } : format.parse(name, body);
    if ("json" in parsed) {
      const call = { id: nameCall(count), type: "function", function: { name, arguments: parsed.json } } as const;
      events.push({ type: "tool_call", call, index: count++ });
      return;
    }
    say(message, events);
    events.push({ type: "problem", problem: { text: message, reason: parsed.reason } });
  };
  /** What kind of message `message` begins; undefined while that is open. */
  const judge = (message: string): "text" | "call" | undefined => {
    const line = message.indexOf("\n");
    if (line < 0) {
      const header = message.trim();
      return header === "" || namePattern.test(header) ? undefined : "text";
    }
    const { name, body } = splitHeader(message);
    if (!namePattern.test(name)) return "text";
    const likeCall = format.beginsLikeCall(name, body.trimStart());
    return likeCall === undefined ? undefined : likeCall ? "call" : "text";
  };
  /** Works through one message; `message` is all of it when `isWhole`. */
  const take = (message: string, isWhole: boolean, events: ReplyEvent[]): string => {
    if (state === "header") state = judge(message) ?? (isWhole ? "text" : "header");
    if (state === "text") {
      say(message, events);
      return "";
    }
    if (state === "call" && isWhole) {
      finishCall(message, events);
      return "";
    }
    return message;
  };
  const advance = (events: ReplyEvent[], isOver: boolean) => {
    for (;;) {
      const { at, complete } = markPosition(buffer, separator);
      if (!complete) {
        const end = isOver ? buffer.length : at;
        buffer = take(buffer.slice(0, end), isOver, events) + buffer.slice(end);
        return;
      }
      take(buffer.slice(0, at), true, events);
      buffer = buffer.slice(at + separator.length);
      state = "header";
      betweenMessages = true;
      content.reset();
    }
  };
  return {
    push(text) {
      const events: ReplyEvent[] = [];
      buffer += text;
      advance(events, false);
      return events;
    },
    end() {
      const events: ReplyEvent[] = [];
      advance(events, true);
      return events;
    },
  };
}

function splitHeader(message: string): { name: string; body: string } {
  const line = message.indexOf("\n");
  return line < 0
    ? { name: message.trim(), body: "" }
    : { name: message.slice(0, line).trim(), body: message.slice(line + 1) };
}
