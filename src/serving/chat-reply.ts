/**
 * One turn of a conversation as a stream: the prompt by the model's template, tokens as they come, and what they mean (text,
 * thoughts, tool calls). The server and the chat in the terminal both read it.
 */
import type { GenerationOptions, Model, ModelTokenizer, StreamPart } from "../inference/index.ts";
import { CongError } from "../support/index.ts";
import {
  applyChatTemplate,
  type ChatMessage,
  type ChatTemplate,
  type ChatTemplateOptions,
  type ReplyEvent,
  resolveTemplate,
  stopIds,
  type ToolDefinition,
} from "../tokenizers/index.ts";

export type ChatOptions = Omit<ChatTemplateOptions, "tokenize">;

/** A conversation ready to be answered. */
export interface ChatPrompt {
  readonly ids: readonly number[];
  /** Tokens that end the answer: the model's and the template's. */
  readonly endIds: readonly number[];
  readonly template: ChatTemplate;
  readonly tools: readonly ToolDefinition[];
  /** The prompt ends inside the model's thoughts. */
  readonly insideThinking: boolean;
}

/** A token of the answer, and what became certain with it. The last part carries `finish`. */
export interface ReplyPart extends StreamPart {
  readonly events: readonly ReplyEvent[];
}

/**
 * Writes a conversation as the model was trained to read it.
 * @throws CongError `NO_TOKENIZER`, `UNKNOWN_CHAT_TEMPLATE`, `BAD_MESSAGE`, `BAD_TOOL`
 */
export function chatPrompt(model: Model, messages: readonly ChatMessage[], options: ChatOptions = {}): ChatPrompt {
  const tokenizer = tokenizerOf(model);
  const template = resolveTemplate(tokenizer, options.template ?? tokenizer.chatTemplate);
  const settings = { addGenerationPrompt: true, ...options, template };
  const text = applyChatTemplate(tokenizer, messages, { ...settings, tokenize: false });
  return {
    ids: applyChatTemplate(tokenizer, messages, { ...settings, tokenize: true }),
    endIds: [...new Set([...model.endIds, ...stopIds(tokenizer, template)])],
    template,
    tools: options.tools ?? [],
    insideThinking: text.trimEnd().endsWith("<think>"),
  };
}

/**
 * Answers a prompt. Leaving the loop early, or aborting `options.signal`, ends the work after the token being computed.
 * @param callId names the tool calls of this answer
 */
export async function* streamReply(
  model: Model,
  prompt: ChatPrompt,
  options: GenerationOptions & { readonly callId?: ((index: number) => string) | undefined } = {},
): AsyncGenerator<ReplyPart, void, undefined> {
  const { callId, ...generation } = options;
  const { ids, endIds, template, tools, insideThinking } = prompt;
  const reply = template.replyStream({ tools, insideThinking, callId });
  for await (const part of model.stream({ ...generation, inputIds: ids, endIds })) {
    const events = reply.push(part.text);
    yield { ...part, events: part.finish === undefined ? events : [...events, ...reply.end()] };
  }
}

/** @throws CongError `NO_TOKENIZER` */
export function tokenizerOf({ tokenizer }: Model): ModelTokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new CongError(
    "NO_TOKENIZER",
    "this model folder has no tokenizer, so the model cannot read or write text",
    {},
    "copy tokenizer.json (or tokenizer.model, ice_text.model) of the same model into the folder",
  );
}
