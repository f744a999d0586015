/** The shape of a parsed reply: OpenAI's assistant message, and whatever could not be understood, with the reason. */
import type { ToolDefinition } from "./message.ts";

export interface ParsedReply {
  readonly message: ReplyMessage;
  /** Calls that are broken; their text stands in `message.content`, so nothing is lost. */
  readonly problems: readonly ReplyProblem[];
}

export interface ReplyMessage {
  readonly role: "assistant";
  /** null when the reply is tool calls only, as in OpenAI's API. */
  readonly content: string | null;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ReplyToolCall[];
}

export interface ReplyToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: {
    readonly name: string;
    /** A JSON object as text. */
    readonly arguments: string;
  };
}

export interface ReplyProblem {
  readonly text: string;
  readonly reason: string;
}

export interface ParseReplyOptions {
  /** Tools that were offered: a call to another name is a problem, and their schemas decide types where a format has none. */
  readonly tools?: readonly ToolDefinition[] | undefined;
  /** The prompt already opened `<think>` (GLM-Z1, GLM-4.7), so the reply begins inside it. */
  readonly insideThinking?: boolean | undefined;
  /** Names the calls; default `call_0`, `call_1`, … Pass something unique per reply when a client keeps several replies. */
  readonly callId?: ((index: number) => string) | undefined;
}

/** A piece of a reply that is certain and will not be taken back. */
export type ReplyEvent =
  | { readonly type: "content"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  | { readonly type: "tool_call"; readonly call: ReplyToolCall; readonly index: number }
  | { readonly type: "problem"; readonly problem: ReplyProblem };

/** Parses a reply while it arrives. Joined, the events of a reply say the same as `parseReply` of its whole text. */
export interface ReplyStream {
  push(text: string): ReplyEvent[];
  /** The reply is over: gives what was held back. */
  end(): ReplyEvent[];
}

/** Puts events together to the message they tell. */
export function replyFromEvents(events: readonly ReplyEvent[]): ParsedReply {
  let content = "";
  let reasoning = "";
  const calls: ReplyToolCall[] = [];
  const problems: ReplyProblem[] = [];
  for (const event of events) {
    if (event.type === "content") content += event.text;
    else if (event.type === "reasoning") reasoning += event.text;
    else if (event.type === "tool_call") calls.push(event.call);
    else problems.push(event.problem);
  }
  return {
    message: {
      role: "assistant",
      content: content === "" && calls.length > 0 ? null : content,
      ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
    problems,
  };
}
