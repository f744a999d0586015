/**
 * Tool calls of GLM-4.5 and later: `<tool_call>name⏎<arg_key>k</arg_key>⏎<arg_value>v</arg_value>…</tool_call>` among text.
 * GLM-4.7 leaves the line breaks out, and Qwen writes one JSON object between the tags; all forms are read alike.
 */
import { functionOf, type ToolDefinition } from "../message.ts";
import type { ParseReplyOptions, ReplyEvent, ReplyStream } from "../reply.ts";
import { markPosition, trimmedText } from "./text-flow.ts";

const opening = "<tool_call>";
const closing = "</tool_call>";

export function taggedCalls(options: ParseReplyOptions = {}): ReplyStream {
  const content = trimmedText();
  const nameCall = options.callId ?? ((index: number) => `call_${index}`);
  let buffer = "";
  let inCall = false;
  let count = 0;

  const say = (text: string, events: ReplyEvent[]) => {
    const certain = content.push(text);
    if (certain !== "") events.push({ type: "content", text: certain });
  };
  const advance = (events: ReplyEvent[], isOver: boolean): void => {
    for (;;) {
      if (!inCall) {
        const { at, complete } = markPosition(buffer, opening);
        say(buffer.slice(0, isOver && !complete ? buffer.length : at), events);
        buffer = isOver && !complete ? "" : buffer.slice(at);
        if (!complete) return;
        inCall = true;
      }
      const end = callEnd(buffer, isOver);
      if (end < 0 && !isOver) return;
      const raw = buffer.slice(0, end < 0 ? buffer.length : end);
      buffer = buffer.slice(raw.length);
      inCall = false;
      const parsed = end < 0 ? `the reply ends before ${closing}` : parseCall(raw, options.tools);
      if (typeof parsed === "string") {
        say(raw, events);
        events.push({ type: "problem", problem: { text: raw, reason: parsed } });
      } else {
        const call = { id: nameCall(count), type: "function", function: parsed } as const;
        events.push({ type: "tool_call", call, index: count++ });
      }
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

/**
 * Just behind the closing tag of the call at the start of `buffer`, or -1. A closing tag inside an argument's value (a
 * program that talks about tool calls) does not count, unless nothing better comes until the reply is over.
 */
function callEnd(buffer: string, isOver: boolean): number {
  let from = 0;
  for (;;) {
    const at = buffer.indexOf(closing, from);
    if (at < 0) break;
    const body = buffer.slice(0, at);
    if (body.lastIndexOf("<arg_value>") <= body.lastIndexOf("</arg_value>")) return at + closing.length;
    from = at + closing.length;
  }
  const first = buffer.indexOf(closing);
  return isOver && first >= 0 ? first + closing.length : -1;
}

/** The function record of a call, or the reason why it is none. */
function parseCall(
  raw: string,
  tools: readonly ToolDefinition[] | undefined,
): { name: string; arguments: string } | string {
  const body = raw.slice(opening.length, -closing.length);
  if (body.trimStart().startsWith("{")) return parseJsonCall(body, tools);
  const firstKey = body.indexOf("<arg_key>");
  const name = (firstKey < 0 ? body : body.slice(0, firstKey)).trim();
  if (name === "") return "the call names no function";
  if (/[\s<>]/.test(name)) return `"${name.slice(0, 80)}" is not a function name`;
  const types = parameterTypes(name, tools);
  if (types === undefined) return `no tool is called "${name}"`;
  const values: string[] = [];
  const seen = new Set<string>();
  const pair = /\s*<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>\s*/y;
  pair.lastIndex = firstKey < 0 ? body.length : firstKey;
  while (pair.lastIndex < body.length) {
    const at = pair.lastIndex;
    const match = pair.exec(body);
    if (match === null) return `expected <arg_key>…</arg_key><arg_value>…</arg_value> at "${body.slice(at, at + 60)}"`;
    const [, key = "", value = ""] = match;
    if (seen.has(key.trim())) return `the argument "${key.trim()}" is given twice`;
    seen.add(key.trim());
    values.push(`${JSON.stringify(key.trim())}: ${valueJson(value, types[key.trim()])}`);
  }
  return { name, arguments: `{${values.join(", ")}}` };
}

/** A call written as one JSON object, `{"name": …, "arguments": {…}}`, between the same tags (Qwen and others). */
function parseJsonCall(
  body: string,
  tools: readonly ToolDefinition[] | undefined,
): { name: string; arguments: string } | string {
  let value: { name?: unknown; arguments?: unknown };
  try {
    value = JSON.parse(body);
  } catch (error) {
    return `the call is not JSON: ${(error as Error).message}`;
  }
  if (typeof value.name !== "string" || value.name === "") return "the call names no function";
  if (parameterTypes(value.name, tools) === undefined) return `no tool is called "${value.name}"`;
  const given = value.arguments ?? {};
  if (typeof given === "string") return { name: value.name, arguments: given };
  if (typeof given !== "object" || Array.isArray(given)) return "the arguments are not a JSON object";
  return { name: value.name, arguments: JSON.stringify(given) };
}

/** Declared JSON-schema types of a function's parameters; undefined when tools are given and none has the name. */
function parameterTypes(
  name: string,
  tools: readonly ToolDefinition[] | undefined,
): Record<string, unknown> | undefined {
  if (tools === undefined) return {};
  const found = tools.map(functionOf).find((tool) => tool.name === name);
  if (found === undefined) return undefined;
  const parameters = found.parameters as { properties?: Record<string, { type?: unknown }> } | undefined;
  const entries = Object.entries(parameters?.properties ?? {});
  return Object.fromEntries(entries.map(([key, schema]) => [key, schema?.type]));
}

/** The template writes text bare and everything else as JSON, so the declared type decides; without one, JSON is tried. */
function valueJson(value: string, type: unknown): string {
  if (type === "string") return JSON.stringify(value);
  try {
    JSON.parse(value);
    return value.trim();
  } catch {
    return JSON.stringify(value);
  }
}
