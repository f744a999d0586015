/**
 * GLM-4.5 and 4.6, and GLM-4.7, which leaves out the line breaks after tokens and opens `<think>` in the prompt.
 * Thoughts are kept after the last user message only. An empty thought that the template writes is given, not learnt: it
 * says that this turn needs no thinking.
 * Source: the chat_template of each model (llama.cpp `models/templates/GLM-4.6.jinja`).
 */
import { readTurns, type ToolDefinition, type Turn } from "../message.ts";
import { pythonJson } from "../python-json.ts";
import { withReasoning } from "../replies/reasoning.ts";
import { taggedCalls } from "../replies/tagged-calls.ts";
import { type ParseReplyOptions, replyFromEvents } from "../reply.ts";
import { type SegmentWriter, segmentWriter } from "../segment.ts";
import type { ChatTemplate, RenderOptions } from "../template.ts";
import { afterLast } from "./turns.ts";

export const glm45: ChatTemplate = family("glm-4.5", "\n");
export const glm47: ChatTemplate = family("glm-4.7", "");

/** `line` is what stands between tokens and text: a line break, or nothing in GLM-4.7. */
function family(name: string, line: "\n" | ""): ChatTemplate {
  const is47 = line === "";
  const replyStream = (options: ParseReplyOptions = {}) =>
    withReasoning(taggedCalls(options), options.insideThinking ?? is47);
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
        writeTools(writer, tools, line);
      }
      const lastQuestion = turns.findLastIndex((turn) => turn.role === "user");
      for (const [index, turn] of turns.entries()) {
        if (turn.role === "system") {
          if (turn.text === "" && turn.tools.length > 0) continue;
          writer.open("<|system|>");
          writer.text(line + turn.text);
        } else if (turn.role === "user") writeQuestion(writer, turn, line, options);
        else if (turn.role === "observation") {
          if (turns[index - 1]?.role !== "observation") writer.open("<|observation|>");
          writer.text(line);
          writer.marker("<tool_response>");
          writer.text(line + turn.text + line);
          writer.marker("</tool_response>");
        } else writeAnswer(writer, turn, line, index > lastQuestion || (is47 && options.clearThinking === false));
      }
      if (options.addGenerationPrompt) {
        writer.open("<|assistant|>");
        if (options.enableThinking === false) writeNoThought(writer, line);
        else if (is47) writer.marker("<think>");
      } else if (options.close === true) {
        const next = afterLast(turns);
        if (next !== undefined) writer.open(`<|${next}|>`);
      }
      return { segments: writer.segments, texts: "joined" };
    },
    stopTokens: () => ["<|endoftext|>", "<|user|>", "<|observation|>", "<|assistant|>"],
    parseReply: (text, options) => {
      const stream = replyStream(options);
      return replyFromEvents([...stream.push(text), ...stream.end()]);
    },
    replyStream,
  };
}

const noThinking = "/nothink";

/**
 * `/nothink` at the end of a question is a switch that GLM-4.5's users type, so there it becomes its token. It is the only
 * one that text can make: it ends the question and opens no turn.
 */
function writeQuestion(writer: SegmentWriter, turn: Turn, line: string, options: RenderOptions): void {
  writer.open("<|user|>");
  const isTyped = line !== "" && turn.text.endsWith(noThinking);
  writer.text(line + (isTyped ? turn.text.slice(0, -noThinking.length) : turn.text));
  if (isTyped || (line !== "" && options.enableThinking === false)) writer.marker(noThinking);
}

function writeAnswer(writer: SegmentWriter, turn: Turn, line: string, keepThought: boolean): void {
  writer.open("<|assistant|>", turn.learn);
  const { reasoning, text } = splitThought(turn);
  if (keepThought && reasoning !== "") {
    // In GLM-4.7 the prompt has already opened the thought.
    if (line === "") writer.given(() => writer.marker("<think>"));
    else {
      writer.text(line);
      writer.marker("<think>");
    }
    writer.text(reasoning.trim());
    writer.marker("</think>");
  } else writer.given(() => writeNoThought(writer, line));
  if (text.trim() !== "") writer.text(line + text.trim());
  for (const call of turn.calls) {
    writer.text(line);
    writer.marker("<tool_call>");
    writer.text(call.name + line);
    for (const [key, value] of Object.entries(call.arguments)) {
      writer.marker("<arg_key>");
      writer.text(key);
      writer.marker("</arg_key>");
      writer.text(line);
      writer.marker("<arg_value>");
      writer.text(typeof value === "string" ? value : pythonJson(value));
      writer.marker("</arg_value>");
      writer.text(line);
    }
    writer.marker("</tool_call>");
  }
}

function writeNoThought(writer: SegmentWriter, line: string): void {
  writer.text(line);
  if (line !== "") writer.marker("<think>");
  writer.marker("</think>");
}

/** Reasoning from its own field, or from the front of the text, cut as the model's template cuts it. */
function splitThought(turn: Turn): { reasoning: string; text: string } {
  if (turn.reasoning !== undefined) return { reasoning: turn.reasoning, text: turn.text };
  const parts = turn.text.split("</think>");
  if (parts.length === 1) return { reasoning: "", text: turn.text };
  const reasoning = (parts[0] ?? "").replace(/\n+$/, "").split("<think>").at(-1) ?? "";
  return { reasoning: reasoning.replace(/^\n+/, ""), text: (parts.at(-1) ?? "").replace(/^\n+/, "") };
}

/** The description shows the tags of a call, and there they are tokens; the tools' own text is never more than text. */
function writeTools(writer: SegmentWriter, tools: readonly ToolDefinition[], line: string): void {
  writer.text(
    "\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n" +
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n",
  );
  writer.text(tools.map((tool) => `${pythonJson(tool)}\n`).join(""));
  writer.text(
    "</tools>\n\nFor each function call, output the function name and arguments within the following XML format:\n",
  );
  const pair = (number: number) =>
    `<arg_key>{arg-key-${number}}</arg_key>${line}<arg_value>{arg-value-${number}}</arg_value>${line}`;
  const format = `<tool_call>{function-name}${line}${pair(1)}${pair(2)}...${line}</tool_call>`;
  for (const part of format.split(/(<\/?(?:tool_call|arg_key|arg_value)>)/)) {
    if (part.startsWith("<")) writer.marker(part);
    else writer.text(part);
  }
}
