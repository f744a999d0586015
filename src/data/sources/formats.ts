/**
 * The record formats people have: where the texts of a record stand, and what conversation it makes.
 *
 * | name       | fields |
 * | ---------- | ------ |
 * | text       | `text` |
 * | alpaca     | `instruction`, `input`?, `output`, `system`?, `history`? as [[question, answer], …] |
 * | sharegpt   | `conversations` of `{from, value}`, `system`?, `tools`? |
 * | messages   | `messages` of `{role, content}`, `tools`? |
 * | preference | `prompt` (or `conversations`, `messages`) with `chosen` and `rejected`, each text, a message or a list of messages |
 * | adgen      | `content`, `summary` |
 *
 * Other fields stay as they are. Records are checked once, here; every later step may rely on the shape.
 */
import { unknownName } from "../../support/index.ts";
import type { ChatMessage } from "../../tokenizers/index.ts";
import { isJsonObject, type JsonObject, kindOf } from "../json.ts";
import { messageSlots, readMessages, readReply } from "./messages.ts";

/** A text inside a record: read it as `holder[key]`, or set it. */
export interface TextSlot {
  readonly holder: JsonObject;
  readonly key: string;
  /** Whether a model learns to write it (text, answers) or reads it (prompts, system texts). */
  readonly isLearnt: boolean;
}

/** A record as a conversation. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** The better and the worse reply to `messages`. */
  readonly chosen?: readonly ChatMessage[];
  readonly rejected?: readonly ChatMessage[];
  readonly tools?: readonly object[];
}

export interface RecordFormat {
  readonly name: FormatName;
  /** Says whether a record's fields look like this format; it may still be broken inside. */
  detect(record: JsonObject): boolean;
  /** Where its texts are. Throws a BadRecord that names the field. */
  slots(record: JsonObject): TextSlot[];
  /** The conversation, or undefined for plain text. Throws a BadRecord. */
  conversation(record: JsonObject): Conversation | undefined;
}

export const formatNames = ["preference", "alpaca", "sharegpt", "messages", "adgen", "text"] as const;
export type FormatName = (typeof formatNames)[number];

/** A record that is not what its format says. The message is a reason people read in reports. */
export class BadRecord extends Error {}

const text: RecordFormat = {
  name: "text",
  detect: (record) => "text" in record,
  slots: (record) => [wanted(record, "text", true)],
  conversation: () => undefined,
};

const alpaca: RecordFormat = {
  name: "alpaca",
  detect: (record) => "instruction" in record && "output" in record,
  slots(record) {
    const history = readHistory(record);
    return [
      ...optional(record, "system", false),
      ...history.flatMap((pair) =>
        pair.map((_, i) => ({ holder: pair as unknown as JsonObject, key: String(i), isLearnt: i === 1 })),
      ),
      wanted(record, "instruction", false),
      ...optional(record, "input", false),
      wanted(record, "output", true),
    ];
  },
  conversation(record) {
    alpaca.slots(record);
    const { output, system } = record as Record<string, string | undefined>;
    return {
      messages: [
        ...systemMessage(system),
        ...readHistory(record).flatMap(([question, answer]) => turn(question!, answer!)),
        ...turn(joinInput(record), output!),
      ],
    };
  },
};

const adgen: RecordFormat = {
  name: "adgen",
  detect: (record) => "content" in record && "summary" in record,
  slots: (record) => [wanted(record, "content", false), wanted(record, "summary", true)],
  conversation(record) {
    adgen.slots(record);
    return { messages: turn(record.content as string, record.summary as string) };
  },
};

const sharegpt: RecordFormat = {
  name: "sharegpt",
  detect: (record) => "conversations" in record,
  slots: (record) => [...optional(record, "system", false), ...messageSlots(record, "conversations")],
  conversation: (record) => ({
    messages: [...systemMessage(record.system), ...readMessages(record, "conversations")],
    ...tools(record),
  }),
};

const messages: RecordFormat = {
  name: "messages",
  detect: (record) => "messages" in record,
  slots: (record) => [...optional(record, "system", false), ...messageSlots(record, "messages")],
  conversation: (record) => ({
    messages: [...systemMessage(record.system), ...readMessages(record, "messages")],
    ...tools(record),
  }),
};

const preference: RecordFormat = {
  name: "preference",
  detect: (record) =>
    ("chosen" in record && "rejected" in record) || ("chosen_messages" in record && "rejected_messages" in record),
  slots(record) {
    const { prompt, chosen, rejected } = preferenceFields(record);
    const sides = [chosen, rejected].flatMap((key) => replySlots(record, key));
    return [
      ...optional(record, "system", false),
      ...(prompt === undefined
        ? []
        : typeof record[prompt] === "string"
          ? [wanted(record, prompt, false), ...(prompt === "instruction" ? optional(record, "input", false) : [])]
          : messageSlots(record, prompt)),
      ...sides,
    ];
  },
  conversation(record) {
    const { prompt, chosen, rejected } = preferenceFields(record);
    const before: ChatMessage[] =
      prompt === undefined
        ? []
        : typeof record[prompt] === "string"
          ? [{ role: "user", content: prompt === "instruction" ? joinInput(record) : record[prompt] }]
          : readMessages(record, prompt);
    const start = [...systemMessage(record.system), ...before];
    return sharedPrompt(start, readReply(record, chosen), readReply(record, rejected), tools(record));
  },
};

/** Order matters: preference records may have `messages` or `conversations`, too. */
const formats: readonly RecordFormat[] = [preference, alpaca, sharegpt, messages, adgen, text];

/** The format called `name`. Throws `UNKNOWN_NAME` with a suggestion. */
export function recordFormat(name: string): RecordFormat {
  const found = formats.find((format) => format.name === name);
  if (found === undefined) throw unknownName("record format", name, formatNames);
  return found;
}

/** The format of a record by its fields, or undefined. */
export function detectFormat(record: JsonObject): RecordFormat | undefined {
  return formats.find((format) => format.detect(record));
}

function preferenceFields(record: JsonObject): { prompt: string | undefined; chosen: string; rejected: string } {
  const isNewer = "chosen_messages" in record;
  return {
    prompt: ["prompt", "instruction", "conversations", "messages"].find((key) => key in record),
    chosen: isNewer ? "chosen_messages" : "chosen",
    rejected: isNewer ? "rejected_messages" : "rejected",
  };
}

function replySlots(record: JsonObject, key: string): TextSlot[] {
  if (typeof record[key] === "string") return [wanted(record, key, true)];
  if (Array.isArray(record[key])) return messageSlots(record, key);
  return messageSlots({ [key]: [record[key]] }, key);
}

/** Both sides may repeat the prompt (Hugging Face's "implicit prompt"): it is taken out of both. */
function sharedPrompt(
  start: readonly ChatMessage[],
  chosen: readonly ChatMessage[],
  rejected: readonly ChatMessage[],
  rest: { tools?: readonly object[] },
): Conversation {
  let same = 0;
  const most = Math.min(chosen.length, rejected.length) - 1;
  const equal = (a: ChatMessage, b: ChatMessage): boolean => JSON.stringify(a) === JSON.stringify(b);
  while (same < most && equal(chosen[same]!, rejected[same]!)) same++;
  const repeated = chosen.slice(0, same);
  const isRepeat =
    repeated.length > 0 && repeated.every((message, i) => start[i] !== undefined && equal(message, start[i]!));
  return {
    messages: isRepeat ? start : [...start, ...repeated],
    chosen: chosen.slice(same),
    rejected: rejected.slice(same),
    ...rest,
  };
}

function wanted(record: JsonObject, key: string, isLearnt: boolean): TextSlot {
  if (typeof record[key] !== "string") throw new BadRecord(`"${key}" is ${kindOf(record[key])}, wanted text`);
  return { holder: record, key, isLearnt };
}

function optional(record: JsonObject, key: string, isLearnt: boolean): TextSlot[] {
  const value = record[key];
  return value === undefined || value === null || value === "" ? [] : [wanted(record, key, isLearnt)];
}

function readHistory(record: JsonObject): string[][] {
  const history = record.history ?? [];
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string");
  if (!Array.isArray(history) || !history.every(isPair)) {
    throw new BadRecord('"history" is not a list of [question, answer]');
  }
  return history as string[][];
}

/** LLaMA-Factory joins the two with a line break; so does Stanford's template in effect. */
const joinInput = ({ instruction, input }: JsonObject): string => `${instruction}${input ? `\n${input}` : ""}`;

const turn = (question: string, answer: string): ChatMessage[] => [
  { role: "user", content: question },
  { role: "assistant", content: answer },
];

const systemMessage = (system: unknown): ChatMessage[] =>
  typeof system === "string" && system !== "" ? [{ role: "system", content: system }] : [];

/** Tools are a list, or JSON text of one as in LLaMA-Factory. */
function tools(record: JsonObject): { tools?: readonly object[] } {
  let value = record.tools;
  if (value === undefined || value === null || value === "") return {};
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
    } catch {
      throw new BadRecord('"tools" is text that is not JSON');
    }
  }
  if (!Array.isArray(value) || !value.every(isJsonObject)) throw new BadRecord('"tools" is not a list of records');
  return value.length === 0 ? {} : { tools: value };
}
