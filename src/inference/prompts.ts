/** What a request may be about: ids, text, or a conversation, and what it becomes: lists of ids. */
import { CongError } from "../support/errors.ts";
import {
  applyChatTemplate,
  type ChatMessage,
  type ChatTemplateOptions,
  type JinjaSource,
  stopIds,
  type Tokenizer,
} from "../tokenizers/index.ts";

/** A tokenizer, with the model's own chat template where its files have one. */
export type ModelTokenizer = Tokenizer & { readonly chatTemplate?: JinjaSource };

/** Exactly one of the three. */
export interface PromptRequest {
  /** One list of ids or several. */
  readonly inputIds?: readonly number[] | readonly (readonly number[])[] | undefined;
  /** Text, or several; encoded with the special tokens that the model expects around it. Nothing in it becomes a special token. */
  readonly prompt?: string | readonly string[] | undefined;
  /** A conversation, written by the model's chat template. */
  readonly messages?: readonly ChatMessage[] | undefined;
  /** For `messages`: tools, another template, thinking on or off. */
  readonly chat?: Omit<ChatTemplateOptions, "tokenize"> | undefined;
}

/** Takes the prompt out of a request, so that options remain. */
export function withoutPrompt<R extends PromptRequest>(request: R): Omit<R, keyof PromptRequest> {
  const { inputIds: _ids, prompt: _prompt, messages: _messages, chat: _chat, ...options } = request;
  return options;
}

/** @throws CongError `BAD_ARGUMENT` unless exactly one kind of prompt is given, `NO_TOKENIZER` for text without one */
export function promptsOf(request: PromptRequest, tokenizer: ModelTokenizer | undefined): (readonly number[])[] {
  const kinds = (["inputIds", "prompt", "messages"] as const).filter((kind) => request[kind] !== undefined);
  if (kinds.length !== 1) {
    throw new CongError(
      "BAD_ARGUMENT",
      `generate: got ${kinds.length === 0 ? "no prompt" : kinds.join(" and ")}`,
      { kinds },
      "pass one of inputIds, prompt and messages",
    );
  }
  const { inputIds, prompt, messages } = request;
  if (inputIds !== undefined) {
    return typeof inputIds[0] === "number" ? [inputIds as readonly number[]] : [...(inputIds as readonly number[][])];
  }
  if (tokenizer === undefined) {
    throw new CongError(
      "NO_TOKENIZER",
      `generate: ${kinds[0]} given, but this model has no tokenizer`,
      {},
      "put its tokenizer files into the folder, pass `tokenizer` to loadModel, or give inputIds",
    );
  }
  if (messages !== undefined) return [applyChatTemplate(tokenizer, messages, chatOptions(request, tokenizer))];
  return (typeof prompt === "string" ? [prompt] : prompt!).map((text) => tokenizer.encode(text));
}

/** Tokens that end an answer: the model's, and in a conversation those of its template. */
export function endIdsOf(
  request: PromptRequest,
  tokenizer: ModelTokenizer | undefined,
  endIds: readonly number[],
): readonly number[] {
  if (request.messages === undefined || tokenizer === undefined) return endIds;
  return [...new Set([...endIds, ...stopIds(tokenizer, chatOptions(request, tokenizer).template)])];
}

const chatOptions = ({ chat }: PromptRequest, tokenizer: ModelTokenizer) => ({
  ...chat,
  template: chat?.template ?? tokenizer.chatTemplate,
  tokenize: true as const,
});
