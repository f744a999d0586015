/**
 * ChatGLM3-6B, built from ids: per message a role token, the line `metadata⏎` and the content, each text encoded for
 * itself (SentencePiece puts its space in front of both) and nothing between messages. The generation prompt is
 * `<|assistant|>` alone; the model writes the header line.
 * Source: `build_single_message` and `build_chat_input` in the model's tokenization_chatglm.py; PROMPT_en.md (THUDM/ChatGLM3).
 */
import { functionOf, type Turn } from "../message.ts";
import { writePythonCall } from "../python-call.ts";
import { indentedJson } from "../python-json.ts";
import { chatglm3Calls } from "../replies/chatglm3.ts";
import { headerCalls } from "../replies/header-calls.ts";
import { replyFromEvents } from "../reply.ts";
import { segmentWriter } from "../segment.ts";
import type { ChatTemplate } from "../template.ts";
import { afterLast, readTurnsWithTools } from "./turns.ts";

/** The sentence of PROMPT.md in front of the tool list, used when the conversation has no system message of its own. */
const toolSentence = "Answer the following questions as best as you can. You have access to the following tools:";

export const chatglm3: ChatTemplate = {
  name: "chatglm3",
  render(messages, options) {
    const turns = readTurnsWithTools(messages, options.tools, toolSentence);
    const writer = segmentWriter();
    writer.special("[gMASK]");
    writer.special("sop");
    for (const turn of turns) {
      const role = `<|${turn.role}|>`;
      const isSilent = turn.role === "assistant" && turn.calls.length > 0 && turn.text === "";
      if (!isSilent) {
        writer.open(role, turn.learn);
        writer.text(`${turn.metadata}\n`);
        writer.text(contentOf(turn));
      }
      for (const call of turn.calls) {
        writer.open(role, turn.learn);
        writer.text(`${call.name}\n`);
        writer.text(`\`\`\`python\n${callLine(call.name, call.arguments)}\n\`\`\``);
      }
    }
    if (options.addGenerationPrompt) writer.open("<|assistant|>");
    else if (options.close === true) {
      // After a call the model stops by asking for its result, after text by ending the text.
      const ending = afterLast(turns);
      if (ending === "observation") writer.open("<|observation|>");
      else if (ending === "user") writer.end();
    }
    return { segments: writer.segments, texts: "apart" };
  },
  stopTokens: () => ["<|user|>", "<|observation|>"],
  parseReply: (text, options) => {
    const stream = headerCalls(chatglm3Calls, options);
    return replyFromEvents([...stream.push(text), ...stream.end()]);
  },
  replyStream: (options) => headerCalls(chatglm3Calls, options),
};

function contentOf(turn: Turn): string {
  if (turn.tools.length === 0) return turn.text;
  return `${turn.text}\n${indentedJson(turn.tools.map((tool) => functionOf(tool)))}`;
}

/** The code interpreter's call is its program; every other call names its arguments. */
function callLine(name: string, values: Readonly<Record<string, unknown>>): string {
  if (name === "interpreter" && typeof values.code === "string") return values.code;
  return writePythonCall("tool_call", values);
}
