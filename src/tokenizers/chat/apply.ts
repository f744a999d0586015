/** The entry point: a conversation to ids (or to text), by a generation's template or by a model's own. */
import { CongError } from "../../support/index.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { type EncodedChat, encodeChat } from "./encode.ts";
import { chatTemplate, chatTemplates, detectGeneration } from "./generations.ts";
import { type JinjaSource, jinjaTemplate } from "./jinja/template.ts";
import type { ChatMessage, ToolDefinition } from "./message.ts";
import { segmentsText } from "./segment.ts";
import type { ChatTemplate, RenderOptions } from "./template.ts";

export interface ChatTemplateOptions {
  /** A template, the name of a generation, or Jinja text. Default: what the tokenizer's special tokens point to. */
  readonly template?: ChatTemplate | JinjaSource | undefined;
  readonly tools?: readonly ToolDefinition[] | undefined;
  /** Default: true, unless the assistant has the last word already. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** false gives the prompt as text. Default true. */
  readonly tokenize?: boolean | undefined;
  readonly enableThinking?: boolean | undefined;
  readonly clearThinking?: boolean | undefined;
  /** Further variables of a Jinja template, by their own names. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  readonly now?: Date | undefined;
}

/**
 * Turns a conversation into a prompt. Special tokens come from the template alone: whatever a message spells stays text.
 * The text form (`tokenize: false`) is for reading; encoding it would lose that protection.
 */
export function applyChatTemplate(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: ChatTemplateOptions & { readonly tokenize: false },
): string;
export function applyChatTemplate(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options?: ChatTemplateOptions & { readonly tokenize?: true | undefined },
): number[];
export function applyChatTemplate(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options?: ChatTemplateOptions,
): number[] | string;
export function applyChatTemplate(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: ChatTemplateOptions = {},
): number[] | string {
  const rendered = resolveTemplate(tokenizer, options.template).render(
    messages,
    renderOptions(messages, options),
    tokenizer,
  );
  return options.tokenize === false ? segmentsText(rendered.segments) : encodeChat(tokenizer, rendered).ids;
}

export interface TrainingChatOptions extends ChatTemplateOptions {
  /** Learn every answer, or the last one only (GLM-4's `combine`). ChatGLM-6B and ChatGLM2 always learn the last only. */
  readonly learn?: "all" | "last";
}

/**
 * A complete conversation for fine-tuning: ids, and for each whether the assistant must learn to write it: its answers and
 * the token that ends each. Per-message `loss: false` takes a turn out.
 *
 * @throws CongError `NOTHING_TO_LEARN` when no id is learnt
 */
export function encodeTrainingChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: TrainingChatOptions = {},
): EncodedChat {
  const lastAnswer = messages.findLastIndex((message) => message.role === "assistant");
  const marked =
    options.learn === "last"
      ? messages.map((message, i) =>
          message.role === "assistant" && i !== lastAnswer ? { ...message, loss: false } : message,
        )
      : messages;
  const template = resolveTemplate(tokenizer, options.template);
  const how = { ...renderOptions(messages, options), addGenerationPrompt: false, close: true };
  const encoded = encodeChat(tokenizer, template.render(marked, how, tokenizer));
  if (!encoded.learn.includes(true)) {
    throw new CongError(
      "NOTHING_TO_LEARN",
      "the conversation holds no answer to learn",
      { template: template.name },
      "training needs an assistant message without loss: false; ChatGLM-6B and ChatGLM2 need it at the end",
    );
  }
  return encoded;
}

/** Ids that end a reply: the template's stop tokens that the tokenizer has, and its end-of-text token. */
export function stopIds(tokenizer: Tokenizer, template?: ChatTemplateOptions["template"]): number[] {
  const tokens = resolveTemplate(tokenizer, template).stopTokens(tokenizer);
  const ids = tokens.map((token) => tokenizer.specialTokens.get(token));
  return [...new Set([...ids, tokenizer.ids.end].filter((id) => id !== undefined))];
}

/** The template meant by an option. A text is a generation's name when there is one of that name, else Jinja. */
export function resolveTemplate(tokenizer: Tokenizer, template: ChatTemplateOptions["template"]): ChatTemplate {
  if (template === undefined) return detectGeneration(tokenizer);
  if (typeof template !== "string") return "render" in template ? template : jinjaTemplate(template);
  const isName = Object.hasOwn(chatTemplates, template) || !/[{\n]/.test(template);
  return isName ? chatTemplate(template) : jinjaTemplate(template);
}

function renderOptions(messages: readonly ChatMessage[], options: ChatTemplateOptions): RenderOptions {
  const { tools, enableThinking, clearThinking, variables, now } = options;
  const addGenerationPrompt = options.addGenerationPrompt ?? messages.at(-1)?.role !== "assistant";
  return { tools, enableThinking, clearThinking, variables, now, addGenerationPrompt };
}
