/** Conversations as Jinja templates see them: the same records, with every text that people wrote put into shadow. */
import { CongError } from "../../../support/index.ts";
import { type ChatMessage, contentText, readArguments } from "../message.ts";
import type { Shadows } from "./shadow.ts";

/** Tags in assistant messages that templates look for. */
const assistantTags = ["<think>", "</think>", "<tool_call>", "</tool_call>"];
/** A switch that GLM-4.5's users type at the end of a question; it is a token, but opens no turn. */
const thinkingSwitch = "/nothink";

/**
 * Checks messages and hides their texts. Content that is a list of texts becomes one text; tool-call arguments become
 * objects, which is what templates with `.items()` or `| tojson` expect.
 */
export function hideMessages(messages: readonly ChatMessage[], shadows: Shadows): unknown[] {
  return messages.map((message, index) => {
    if (typeof message?.role !== "string" || !/^[A-Za-z_][\w-]*$/.test(message.role)) {
      throw new CongError(
        "BAD_MESSAGE",
        `message ${index} has the role ${JSON.stringify(message?.role)}`,
        { index },
        "a role is one word: system, user, assistant or tool",
      );
    }
    const { role, content, tool_calls, ...others } = message;
    const keep = role === "assistant" ? assistantTags : [];
    return {
      role,
      ...(hideValue(others, shadows, keep) as object),
      ...(content === undefined ? {} : { content: hideContent(content, index, shadows, role) }),
      ...(tool_calls === undefined || tool_calls === null
        ? {}
        : {
            tool_calls: tool_calls.map((call) => {
              const { function: called, type, ...rest } = call;
              const given = called?.arguments ?? {};
              return {
                ...(hideValue(rest, shadows, []) as object),
                type: type === "function" || type === undefined ? "function" : shadows.hide(type),
                function: {
                  name: shadows.hide(called?.name ?? ""),
                  arguments: hideValue(readArguments(given, index), shadows, []),
                },
              };
            }),
          }),
    };
  });
}

function hideContent(content: ChatMessage["content"], index: number, shadows: Shadows, role: string): unknown {
  if (content === null || content === undefined) return null;
  const isText =
    typeof content === "string" || content.every((part) => typeof part === "string" || part.type === "text");
  if (!isText) return hideValue(content, shadows, []);
  const text = contentText(content, index);
  const isSwitched = role === "user" && text.endsWith(thinkingSwitch);
  return isSwitched
    ? shadows.hide(text.slice(0, -thinkingSwitch.length)) + thinkingSwitch
    : shadows.hide(text, role === "assistant" ? assistantTags : []);
}

/** Hides every text inside a JSON value; keys that are plain names stay, because templates look fields up by them. */
export function hideValue(value: unknown, shadows: Shadows, keep: readonly string[]): unknown {
  if (typeof value === "string") return shadows.hide(value, keep);
  if (Array.isArray(value)) return value.map((item) => hideValue(item, shadows, keep));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([key, item]) => {
      const isWord = typeof item === "string" && /^\w+$/.test(item);
      return [
        /^[\w.$-]+$/.test(key) ? key : shadows.hide(key),
        key === "type" && isWord ? item : hideValue(item, shadows, keep),
      ];
    }),
  );
}

/** All texts of a conversation, to find characters that none of them uses. */
export function allTexts(value: unknown, texts: string[] = []): string[] {
  if (typeof value === "string") texts.push(value);
  else if (Array.isArray(value)) for (const item of value) allTexts(item, texts);
  else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      texts.push(key);
      // Arguments may be JSON inside a text, whose escapes spell characters that are not there as such.
      allTexts(key === "arguments" && typeof item === "string" ? parsed(item) : item, texts);
    }
  }
  return texts;
}

function parsed(text: string): unknown {
  try {
    return [text, JSON.parse(text)];
  } catch {
    return text;
  }
}
