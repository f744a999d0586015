/** What every chat template offers, whether written here for one generation or read from a model's Jinja file. */
import type { Tokenizer } from "../tokenizer.ts";
import type { ChatMessage, ToolDefinition } from "./message.ts";
import type { ParsedReply, ParseReplyOptions, ReplyStream } from "./reply.ts";
import type { RenderedChat } from "./segment.ts";

export interface ChatTemplate {
  readonly name: string;
  /** Writes the conversation; `tokenizer` only says which special tokens exist. */
  render(messages: readonly ChatMessage[], options: RenderOptions, tokenizer?: Tokenizer): RenderedChat;
  /** Special tokens that end a reply, beside the tokenizer's own end-of-text token. */
  stopTokens(tokenizer: Tokenizer): readonly string[];
  /** Takes a finished reply apart: text, reasoning, tool calls. Never throws on what a model wrote. */
  parseReply(text: string, options?: ParseReplyOptions): ParsedReply;
  /** The same while the reply is still being written. */
  replyStream(options?: ParseReplyOptions): ReplyStream;
}

export interface RenderOptions {
  readonly tools?: readonly ToolDefinition[] | undefined;
  /** End with the tokens that make the model answer. */
  readonly addGenerationPrompt: boolean;
  /** GLM-4.5 and later: false asks for an answer without thinking. Default: the model decides. */
  readonly enableThinking?: boolean | undefined;
  /** GLM-4.7: false keeps the reasoning of earlier turns in the prompt. Default true. */
  readonly clearThinking?: boolean | undefined;
  /** Close the last assistant turn with the token that ends it: the form for training. */
  readonly close?: boolean | undefined;
  /** Further variables of a Jinja template, by their own names. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /** The moment that `strftime_now` of a Jinja template tells. Default: now. */
  readonly now?: Date | undefined;
}
