/**
 * Any Hugging Face `chat_template` as a chat template of this project: special tokens come from the template alone (see
 * shadow.ts), the loss mask is found by comparing renderings, the reply format is told from the marks in the template.
 */
import { CongError } from "../../../support/index.ts";
import type { Tokenizer } from "../../tokenizer.ts";
import type { ChatMessage } from "../message.ts";
import { glm4Calls } from "../replies/glm-4.ts";
import { headerCalls } from "../replies/header-calls.ts";
import { plainReply } from "../replies/plain.ts";
import { withReasoning } from "../replies/reasoning.ts";
import { taggedCalls } from "../replies/tagged-calls.ts";
import { type ParseReplyOptions, type ReplyStream, replyFromEvents } from "../reply.ts";
import type { RenderedChat, Segment } from "../segment.ts";
import type { ChatTemplate, RenderOptions } from "../template.ts";
import { type JinjaProgram, readJinja } from "./environment.ts";
import { learntRanges, type Range, sentinelInitial } from "./learnt-ranges.ts";
import { allTexts, hideMessages, hideValue } from "./messages.ts";
import { createShadows, type Shadows } from "./shadow.ts";

/** Text of a `chat_template`; some models have several, of which `tool_use` serves conversations with tools. */
export type JinjaSource = string | readonly { readonly name: string; readonly template: string }[];

export function jinjaTemplate(source: JinjaSource, name = "chat_template"): ChatTemplate {
  const sources = typeof source === "string" ? [{ name: "default", template: source }] : source;
  const programs = new Map(
    sources.map((entry) => [entry.name, { text: entry.template, run: readJinja(entry.template) }]),
  );
  const standard = programs.get("default") ?? programs.values().next().value;
  if (standard === undefined) {
    throw new CongError("BAD_CHAT_TEMPLATE", "the list of chat templates is empty", {}, "pass at least one template");
  }
  const replyStream = (options: ParseReplyOptions = {}) => replyFormat(standard.text, options);
  const template: ChatTemplate = {
    name,
    render(messages, options, tokenizer) {
      const chosen = (options.tools?.length ?? 0) > 0 ? (programs.get("tool_use") ?? standard) : standard;
      return renderJinja(template, chosen, messages, options, tokenizer);
    },
    stopTokens: (tokenizer) => tokensAfterAnswer(template, tokenizer),
    parseReply: (text, options) => {
      const stream = replyStream(options);
      return replyFromEvents([...stream.push(text), ...stream.end()]);
    },
    replyStream,
  };
  return template;
}

function renderJinja(
  source: ChatTemplate,
  program: { readonly text: string; readonly run: JinjaProgram },
  messages: readonly ChatMessage[],
  options: RenderOptions,
  tokenizer: Tokenizer | undefined,
): RenderedChat {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new CongError(
      "BAD_MESSAGE",
      "a conversation needs at least one message",
      {},
      'pass [{role: "user", content}]',
    );
  }
  const special = tokenizer === undefined ? [] : [...tokenizer.specialTokens.keys()];
  const shadows = createShadows(
    special,
    [program.text, ...allTexts([messages, options.tools ?? []])],
    [sentinelInitial],
  );
  const now = options.now ?? new Date();
  const write = (list: readonly ChatMessage[], addGenerationPrompt: boolean) =>
    program.run(templateVariables(list, { ...options, addGenerationPrompt }, shadows, tokenizer), now);
  const text = write(messages, options.addGenerationPrompt && options.close !== true);
  const pieces = splitAtTokens(text, special);
  const learnt = options.close === true ? learntRanges(messages, text, pieces, write, shadows) : [];
  const segments = cutAt(pieces, learnt).map((piece) => ({ ...piece, text: shadows.reveal(piece.text) }));
  const endsLearnt = learnt.at(-1)?.[1] === text.length;
  if (endsLearnt && segments.at(-1)?.kind !== "special") segments.push(closing(source, tokenizer));
  return { segments, texts: shadows.wouldMakeToken(text) ? "joined" : "whole" };
}

/** What ends the last answer where the template leaves it open: the token that stands behind other answers. */
function closing(template: ChatTemplate, tokenizer: Tokenizer | undefined): Segment {
  const token = tokenizer === undefined ? undefined : template.stopTokens(tokenizer)[0];
  return token === undefined ? { kind: "end", text: "", learn: true } : { kind: "special", text: token, learn: true };
}

/** What transformers passes to a template. */
function templateVariables(
  messages: readonly ChatMessage[],
  options: RenderOptions,
  shadows: Shadows,
  tokenizer: Tokenizer | undefined,
): Record<string, unknown> {
  const { begin, end, pad, unknown } = tokenizer?.ids ?? {};
  const named = { bos_token: begin, eos_token: end, pad_token: pad, unk_token: unknown };
  const tokens = Object.entries(named).flatMap(([key, id]) => {
    const token = id === undefined ? undefined : tokenizer?.tokenOf(id);
    return token === undefined ? [] : [[key, token] as const];
  });
  const tools = options.tools ?? [];
  return {
    ...Object.fromEntries(tokens),
    messages: hideMessages(messages, shadows),
    tools: tools.length === 0 ? null : hideValue(tools, shadows, []),
    documents: null,
    add_generation_prompt: options.addGenerationPrompt,
    ...(options.enableThinking === undefined ? {} : { enable_thinking: options.enableThinking }),
    ...(options.clearThinking === undefined ? {} : { clear_thinking: options.clearThinking }),
    ...options.variables,
  };
}

/** Special tokens that the template wrote, and the text between them. The longest token wins where several begin. */
function splitAtTokens(text: string, special: readonly string[]): Segment[] {
  const tokens = special.filter((token) => token !== "").sort((a, b) => b.length - a.length);
  if (tokens.length === 0) return text === "" ? [] : [{ kind: "text", text, learn: false }];
  const pattern = new RegExp(
    `(${tokens.map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|")})`,
    "u",
  );
  return text
    .split(pattern)
    .map((piece, i) => ({ kind: i % 2 === 1 ? ("special" as const) : ("text" as const), text: piece, learn: false }))
    .filter((piece) => piece.text !== "");
}

/** Cuts texts where a range begins or ends and marks what lies inside. */
function cutAt(pieces: readonly Segment[], ranges: readonly Range[]): Segment[] {
  const edges = ranges.flat();
  let at = 0;
  return pieces.flatMap((piece) => {
    const from = at;
    at += piece.text.length;
    const cuts = [from, ...edges.filter((edge) => edge > from && edge < at), at];
    return cuts.slice(1).map((to, i) => {
      const start = cuts[i] as number;
      const learn = ranges.some(([low, high]) => start >= low && to <= high);
      return { kind: piece.kind, text: piece.text.slice(start - from, to - from), learn };
    });
  });
}

/** The special token that this template writes behind an answer. */
function tokensAfterAnswer(template: ChatTemplate, tokenizer: Tokenizer): string[] {
  const answer = "answer-0123456789";
  try {
    const messages = [
      { role: "user", content: "?" },
      { role: "assistant", content: answer },
      { role: "user", content: "?" },
    ];
    const { segments } = template.render(messages, { addGenerationPrompt: false }, tokenizer);
    const at = segments.findIndex((segment) => segment.text.includes(answer));
    const next = segments.slice(at + 1).find((segment) => segment.kind === "special");
    return at < 0 || next === undefined ? [] : [next.text];
  } catch {
    // A template that refuses this conversation leaves the tokenizer's own end token.
    return [];
  }
}

/** How a model of this template writes calls and thoughts. */
function replyFormat(source: string, options: ParseReplyOptions): ReplyStream {
  const body = source.includes("<tool_call>")
    ? taggedCalls(options)
    : source.includes("可用工具")
      ? headerCalls(glm4Calls, options)
      : plainReply();
  return source.includes("</think>") ? withReasoning(body, options.insideThinking ?? false) : body;
}
