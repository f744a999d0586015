/**
 * The one form of a conversation: records as users of OpenAI's API and of Hugging Face write them, taken unchanged.
 *
 * `readTurns` checks the records once, where they come in, and gives templates a smaller form: four roles, plain text,
 * parsed tool calls. Pictures and sound are refused here: the templates in this folder are for text models.
 */
import { CongError } from "../../support/errors.ts";

/** A message of a conversation. Fields that a template has no place for are refused by it, never dropped. */
export interface ChatMessage {
  /** `tool`, `function` and `observation` are one role under three names, as are `system` and `developer`. */
  readonly role: string;
  readonly content?: string | readonly ContentPart[] | null | undefined;
  /** What the assistant thought before it answered. */
  readonly reasoning_content?: string | null | undefined;
  readonly tool_calls?: readonly ToolCall[] | null | undefined;
  readonly tool_call_id?: string | undefined;
  readonly name?: string | undefined;
  /** Tools that this system message announces (ChatGLM3 and GLM-4 training data); the `tools` option does the same. */
  readonly tools?: readonly ToolDefinition[] | null | undefined;
  /** First line of an assistant's turn in ChatGLM3 and GLM-4: the name of the tool that is called. */
  readonly metadata?: string | null | undefined;
  /** `false` keeps an assistant's turn out of the loss. */
  readonly loss?: boolean | undefined;
}

export interface ContentPart {
  readonly type: string;
  readonly text?: string | undefined;
}

export interface ToolCall {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  /** `arguments` is JSON text, as in OpenAI's API, or the object itself, as in Hugging Face templates. */
  readonly function?: { readonly name: string; readonly arguments?: string | object | null | undefined } | undefined;
}

/** `{type: "function", function: {name, description, parameters}}`, or the bare function record. */
export type ToolDefinition = object;

/** A message as templates see it. */
export interface Turn {
  readonly role: "system" | "user" | "assistant" | "observation";
  readonly text: string;
  readonly metadata: string;
  readonly reasoning: string | undefined;
  readonly calls: readonly TurnCall[];
  readonly tools: readonly ToolDefinition[];
  /** The assistant learns this turn in training. */
  readonly learn: boolean;
}

export interface TurnCall {
  readonly name: string;
  /** As JSON text, the way the message held it. */
  readonly argumentsText: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

const roles: Readonly<Record<string, Turn["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
  tool: "observation",
  function: "observation",
  observation: "observation",
};

/**
 * Checks a conversation and gives its turns.
 *
 * @throws CongError `BAD_MESSAGE` naming the message, for an unknown role, a field of the wrong type, content that is not text
 */
export function readTurns(messages: readonly ChatMessage[]): Turn[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new CongError(
      "BAD_MESSAGE",
      "a conversation needs at least one message",
      {},
      'pass [{role: "user", content}]',
    );
  }
  return messages.map((message, index) => readTurn(message, index));
}

function readTurn(message: ChatMessage, index: number): Turn {
  if (typeof message !== "object" || message === null) throw bad(index, `is ${String(message)}, wanted a record`);
  const role = Object.hasOwn(roles, message.role) ? roles[message.role] : undefined;
  if (role === undefined) {
    throw bad(index, `has the role ${JSON.stringify(message.role)}`, `roles are ${Object.keys(roles).join(", ")}`);
  }
  const calls = (message.tool_calls ?? []).map((call) => readCall(call, index));
  if (calls.length > 0 && role !== "assistant") throw bad(index, `has tool_calls, but its role is ${message.role}`);
  for (const field of ["metadata", "reasoning_content"] as const) {
    const value = message[field] ?? "";
    if (typeof value !== "string") throw bad(index, `has a ${field} of type ${typeof value}`, "it must be text");
  }
  return {
    role,
    text: contentText(message.content, index),
    metadata: message.metadata ?? "",
    reasoning: message.reasoning_content ?? undefined,
    calls,
    tools: message.tools ?? [],
    learn: role === "assistant" && message.loss !== false,
  };
}

/** Content as text; parts are joined without anything between them. `index` is the message's number for errors. */
export function contentText(content: ChatMessage["content"], index: number): string {
  if (content === undefined || content === null) return "";
  if (typeof content === "string") return content;
  if (!Array.isArray(content))
    throw bad(index, `has content of type ${typeof content}`, "pass text or a list of parts");
  const parts = content as readonly (ContentPart | string)[];
  return parts
    .map((part) => {
      if (typeof part === "string") return part;
      if (part?.type === "text" && typeof part.text === "string") return part.text;
      throw bad(index, `has a part of type "${part?.type}"`, "a text model reads parts of type text only");
    })
    .join("");
}

function readCall(call: ToolCall, index: number): TurnCall {
  const name = call?.function?.name;
  if (typeof name !== "string" || name === "") {
    throw bad(
      index,
      "has a tool call without a function name",
      "calls are {type: 'function', function: {name, arguments}}",
    );
  }
  const given = call.function?.arguments ?? {};
  const argumentsText = typeof given === "string" ? given : JSON.stringify(given);
  return {
    name,
    argumentsText: argumentsText.trim() === "" ? "{}" : argumentsText,
    arguments: readArguments(given, index),
  };
}

/** Arguments of a tool call as an object, from JSON text or from the object itself. */
export function readArguments(given: string | object, index: number): Readonly<Record<string, unknown>> {
  let value: unknown = given;
  if (typeof given === "string") {
    try {
      value = given.trim() === "" ? {} : JSON.parse(given);
    } catch {
      throw bad(
        index,
        "has tool-call arguments that are not JSON",
        "arguments are a JSON object, as text or as a record",
      );
    }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad(index, "has tool-call arguments that are not a JSON object", 'wanted something like {"city": "北京"}');
  }
  return value as Readonly<Record<string, unknown>>;
}

/** The function record inside a tool definition, in either of its two forms. */
export function functionOf(tool: ToolDefinition): Readonly<Record<string, unknown>> & { readonly name: string } {
  const outer = tool as Readonly<Record<string, unknown>>;
  const inner = (
    typeof outer.function === "object" && outer.function !== null ? outer.function : outer
  ) as typeof outer;
  if (typeof inner.name !== "string" || inner.name === "") {
    throw new CongError(
      "BAD_TOOL",
      `a tool has no name: ${JSON.stringify(tool)?.slice(0, 200)}`,
      { tool },
      "tools are {type: 'function', function: {name, description, parameters}}; built-in tools such as python need the " +
        "model's own chat_template",
    );
  }
  return inner as Readonly<Record<string, unknown>> & { readonly name: string };
}

function bad(index: number, what: string, hint?: string): CongError {
  return new CongError("BAD_MESSAGE", `message ${index} ${what}`, { index }, hint);
}
