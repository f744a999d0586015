/** Lists of messages in the spellings people use: `{role, content}` and `{from, value}`, content as text or as parts. */
import type { ChatMessage } from "../../tokenizers/index.ts";
import { isJsonObject, type JsonObject, kindOf } from "../json.ts";
import { BadRecord, type TextSlot } from "./formats.ts";

/** ShareGPT's names of the roles. */
const roles: Readonly<Record<string, string>> = {
  human: "user",
  user: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  bing: "assistant",
  bard: "assistant",
  assistant: "assistant",
  function_call: "function_call",
  observation: "observation",
  tool: "tool",
  function: "function",
  system: "system",
  developer: "developer",
};

/** Where the texts of a list of messages stand. */
export function messageSlots(record: JsonObject, key: string): TextSlot[] {
  return listOf(record, key).flatMap((message, i) => {
    const { role, contentKey } = shapeOf(message, key, i);
    const content = message[contentKey];
    const isLearnt = role === "assistant";
    if (typeof content === "string")
      return role === "function_call" ? [] : [{ holder: message, key: contentKey, isLearnt }];
    if (content === null || content === undefined) return [];
    return (content as JsonObject[]).flatMap((part) => {
      const partKey = typeof part.text === "string" ? "text" : "value";
      const isText = part.type === "text" || part.type === "reasoning";
      return isText && typeof part[partKey] === "string" ? [{ holder: part, key: partKey, isLearnt }] : [];
    });
  });
}

/** The messages, with the roles and fields that chat templates know. */
export function readMessages(record: JsonObject, key: string): ChatMessage[] {
  return listOf(record, key).map((message, i) => readMessage(message, key, i));
}

/** A reply that is text, one message or a list of them. */
export function readReply(record: JsonObject, key: string): ChatMessage[] {
  const value = record[key];
  if (typeof value === "string") return [{ role: "assistant", content: value }];
  return readMessages(Array.isArray(value) ? record : { [key]: [value] }, key);
}

function readMessage(message: JsonObject, key: string, index: number): ChatMessage {
  const { role, contentKey } = shapeOf(message, key, index);
  const content = message[contentKey];
  if (role === "function_call") {
    return { role: "assistant", content: "", tool_calls: readCall(content, key, index) };
  }
  const { from: _from, value: _value, loss_weight: weight, ...rest } = message;
  return {
    ...(rest as Partial<ChatMessage>),
    role,
    content: Array.isArray(content)
      ? content.map((part: JsonObject) => ({ type: String(part.type), text: String(part.text ?? part.value ?? "") }))
      : ((content as string | null | undefined) ?? null),
    ...(weight === 0 ? { loss: false } : {}),
  };
}

function readCall(content: unknown, key: string, index: number): NonNullable<ChatMessage["tool_calls"]> {
  let calls: unknown;
  try {
    calls = JSON.parse(String(content));
  } catch {
    throw new BadRecord(`"${key}"[${index}] is a function call that is not JSON`);
  }
  return (Array.isArray(calls) ? calls : [calls]).map((call: unknown) => {
    if (!isJsonObject(call) || typeof call.name !== "string") {
      throw new BadRecord(`"${key}"[${index}] is a function call without a name`);
    }
    const { name, arguments: given } = call;
    return { function: { name, arguments: given as string | object | null } };
  });
}

function listOf(record: JsonObject, key: string): JsonObject[] {
  const list = record[key];
  if (!Array.isArray(list)) throw new BadRecord(`"${key}" is ${kindOf(list)}, wanted a list of messages`);
  if (list.length === 0) throw new BadRecord(`"${key}" is an empty list`);
  list.forEach((message, i) => {
    if (!isJsonObject(message)) throw new BadRecord(`"${key}"[${i}] is ${kindOf(message)}, wanted a message`);
  });
  return list as JsonObject[];
}

function shapeOf(message: JsonObject, key: string, index: number): { role: string; contentKey: string } {
  const given = message.role ?? message.from;
  const role = typeof given === "string" && Object.hasOwn(roles, given) ? roles[given] : undefined;
  if (role === undefined) throw new BadRecord(`"${key}"[${index}] has the unknown role ${JSON.stringify(given)}`);
  const contentKey = "content" in message || !("value" in message) ? "content" : "value";
  const content = message[contentKey];
  const isEmptyCall = (content === null || content === undefined) && Array.isArray(message.tool_calls);
  const isParts = Array.isArray(content) && content.every(isJsonObject);
  if (typeof content !== "string" && !isParts && !isEmptyCall) {
    throw new BadRecord(`"${key}"[${index}].${contentKey} is ${kindOf(content)}, wanted text`);
  }
  return { role, contentKey };
}
