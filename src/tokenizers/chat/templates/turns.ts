/** What the templates with role tokens (ChatGLM3 and later) share. */
import { type ChatMessage, readTurns, type ToolDefinition, type Turn } from "../message.ts";

/**
 * Turns of a conversation, with the tools of the call attached to its first message when that is the system's, or else
 * to a system turn of their own with the text `announcement`.
 */
export function readTurnsWithTools(
  messages: readonly ChatMessage[],
  tools: readonly ToolDefinition[] | undefined,
  announcement: string,
): Turn[] {
  const turns = readTurns(messages);
  if (tools === undefined || tools.length === 0) return turns;
  const first = turns[0];
  if (first?.role === "system") return [{ ...first, tools: [...first.tools, ...tools] }, ...turns.slice(1)];
  return [systemTurn(announcement, tools), ...turns];
}

export function systemTurn(text: string, tools: readonly ToolDefinition[]): Turn {
  return { role: "system", text, metadata: "", reasoning: undefined, calls: [], tools, learn: false };
}

/** Whose turn comes after a complete conversation, by which the assistant's last turn ends; undefined when it is not the assistant's. */
export function afterLast(turns: readonly Turn[]): "user" | "observation" | undefined {
  const last = turns.at(-1);
  if (last?.role !== "assistant") return undefined;
  return last.calls.length > 0 || last.metadata !== "" ? "observation" : "user";
}
