/**
 * GLM-4-9B-chat: `[gMASK]<sop>`, then per message `<|role|>metadata⏎content`. A tool call is an assistant message with the
 * function's name as metadata and a JSON object as content; tools stand in a system message with a fixed Chinese text.
 * Source: `apply_chat_template` in the model's tokenization_chatglm.py; llama.cpp `tests/test-chat-template.cpp`.
 *
 * The built-in tools python, simple_browser and cogview have long fixed texts that belong to the model's files: they are
 * refused here, and the model's own `chat_template` writes them.
 */
import { functionOf, type ToolDefinition, type Turn } from "../message.ts";
import { indentedJson } from "../python-json.ts";
import { glm4Calls } from "../replies/glm-4.ts";
import { headerCalls } from "../replies/header-calls.ts";
import { replyFromEvents } from "../reply.ts";
import { type SegmentWriter, segmentWriter } from "../segment.ts";
import type { ChatTemplate } from "../template.ts";
import { afterLast, readTurnsWithTools } from "./turns.ts";

const identity =
  "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。";
/** Stands after every function's description; GLM-4-0414 uses the same sentence. */
export const jsonSentence = "在调用上述函数时，请使用 Json 格式表示调用的参数。";

export const glm4: ChatTemplate = {
  name: "glm-4",
  render(messages, options) {
    const turns = readTurnsWithTools(messages, options.tools, "");
    const writer = segmentWriter();
    writer.special("[gMASK]");
    writer.special("<sop>");
    for (const turn of turns) {
      if (turn.tools.length > 0) {
        writer.open("<|system|>");
        writer.text(`\n${toolText(turn.tools)}`);
      }
      writeGlm4Turn(writer, turn);
    }
    if (options.addGenerationPrompt) writer.open("<|assistant|>");
    else if (options.close === true) closeGlm4(writer, turns);
    return { segments: writer.segments, texts: "joined" };
  },
  stopTokens: () => glm4Stops,
  parseReply: (text, options) => {
    const stream = headerCalls(glm4Calls, options);
    return replyFromEvents([...stream.push(text), ...stream.end()]);
  },
  replyStream: (options) => headerCalls(glm4Calls, options),
};

/** Without the second and third, the model goes on to talk to itself. */
export const glm4Stops = ["<|endoftext|>", "<|user|>", "<|observation|>"] as const;

/**
 * One message and its tool calls. `space` stands behind metadata; a message without content is left out unless
 * `writesEmpty`: here GLM-4 and GLM-4-0414 differ.
 */
export function writeGlm4Turn(
  writer: SegmentWriter,
  turn: Turn,
  how: { space?: string; writesEmpty?: boolean } = {},
): void {
  const space = how.space ?? "";
  if (turn.text !== "" || (how.writesEmpty === true && turn.calls.length === 0)) {
    writer.open(`<|${turn.role}|>`, turn.learn);
    writer.text(`${turn.metadata}${turn.metadata === "" ? "" : space}\n${turn.text}`);
  }
  for (const call of turn.calls) {
    writer.open(`<|${turn.role}|>`, turn.learn);
    writer.text(`${call.name}${space}\n${call.argumentsText}`);
  }
}

export function closeGlm4(writer: SegmentWriter, turns: readonly Turn[]): void {
  const next = afterLast(turns);
  if (next !== undefined) writer.open(`<|${next}|>`);
}

function toolText(tools: readonly ToolDefinition[]): string {
  const descriptions = tools.map((tool) => {
    const described = functionOf(tool);
    return `\n\n## ${described.name}\n\n${indentedJson(described)}\n${jsonSentence}`;
  });
  return `${identity}\n\n# 可用工具${descriptions.join("")}`;
}
