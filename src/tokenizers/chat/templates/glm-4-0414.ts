/**
 * GLM-4-0414 and GLM-Z1. Tools stand in a system turn of their own, without an identity; all system messages come before
 * the others. GLM-Z1 drops earlier thoughts from the history and opens `<think>` in the generation prompt.
 * Source: the chat_template inside the published GGUF of GLM-4-9B-0414, rendered with transformers' settings (trim_blocks
 * takes one line break after a tag: a blank line stands before the first function only, and a space after metadata).
 */
import { functionOf, readTurns, type ToolDefinition, type Turn } from "../message.ts";
import { indentedJson } from "../python-json.ts";
import { glm4Calls } from "../replies/glm-4.ts";
import { headerCalls } from "../replies/header-calls.ts";
import { withReasoning } from "../replies/reasoning.ts";
import { type ParseReplyOptions, replyFromEvents } from "../reply.ts";
import { segmentWriter } from "../segment.ts";
import type { ChatTemplate } from "../template.ts";
import { closeGlm4, glm4Stops, jsonSentence, writeGlm4Turn } from "./glm-4.ts";

export const glm40414: ChatTemplate = family("glm-4-0414", false);
export const glmZ1: ChatTemplate = family("glm-z1", true);

function family(name: string, thinks: boolean): ChatTemplate {
  const replyStream = (options: ParseReplyOptions = {}) =>
    withReasoning(headerCalls(glm4Calls, options), options.insideThinking ?? thinks);
  return {
    name,
    render(messages, options) {
      const turns = readTurns(messages);
      const tools = [...(options.tools ?? []), ...turns.flatMap((turn) => turn.tools)];
      const writer = segmentWriter();
      writer.special("[gMASK]");
      writer.special("<sop>");
      if (tools.length > 0) {
        writer.open("<|system|>");
        writer.text(`\n${toolText(tools)}`);
      }
      const system = turns.filter((turn) => turn.role === "system" && turn.text !== "");
      const others = turns.filter((turn) => turn.role !== "system");
      const last = others.at(-1);
      for (const turn of system) writeGlm4Turn(writer, turn);
      for (const turn of others) {
        // The answer that is to be learnt keeps its thoughts: writing them is what the model shall learn.
        const keepsThoughts = options.close === true && turn === last && turn.learn;
        const written = thinks ? (keepsThoughts ? withThoughts(turn) : visible(turn)) : turn;
        writeGlm4Turn(writer, written, { space: " ", writesEmpty: true });
      }
      if (options.addGenerationPrompt) {
        writer.open("<|assistant|>");
        if (thinks) {
          writer.text("\n");
          writer.marker("<think>");
        }
      } else if (options.close === true) closeGlm4(writer, turns);
      return { segments: writer.segments, texts: "joined" };
    },
    stopTokens: () => glm4Stops,
    parseReply: (text, options) => {
      const stream = replyStream(options);
      return replyFromEvents([...stream.push(text), ...stream.end()]);
    },
    replyStream,
  };
}

function visible(turn: Turn): Turn {
  return { ...turn, text: (turn.text.split("</think>").at(-1) ?? "").trim() };
}

function withThoughts(turn: Turn): Turn {
  return turn.reasoning === undefined ? turn : { ...turn, text: `<think>${turn.reasoning}</think>\n${turn.text}` };
}

function toolText(tools: readonly ToolDefinition[]): string {
  const descriptions = tools.map((tool) => {
    const described = functionOf(tool);
    return `\n## ${described.name}\n\n${indentedJson(described)}\n${jsonSentence}`;
  });
  return `# 可用工具\n${descriptions.join("")}`;
}
