/** `POST /v1/chat/completions`: the answer at once, or as a stream of chunks. */
import { randomUUID } from "node:crypto";
import type { FinishReason, Model } from "../inference/index.ts";
import { type ReplyEvent, replyFromEvents, type ToolDefinition } from "../tokenizers/index.ts";
import { ApiError } from "./api-error.ts";
import { type ChatPrompt, chatPrompt, type ReplyPart, streamReply, tokenizerOf } from "./chat-reply.ts";
import { type ChatLogProbability, chatLogProbability } from "./log-probabilities.ts";
import { type ServingDefaults, samplingSettings, seedOf } from "./sampling-settings.ts";
import type { ChatRequest } from "./schemas.ts";

/** A request with everything that answering it needs. */
export interface ChatJob {
  readonly model: Model;
  /** The model's name as clients see it. */
  readonly name: string;
  readonly request: ChatRequest;
  readonly prompt: ChatPrompt;
  readonly defaults: ServingDefaults;
  readonly signal: AbortSignal;
}

/** The prompt of a request. @throws ApiError and the errors of `chatPrompt` */
export function promptOfChat(model: Model, request: ChatRequest): ChatPrompt {
  if (request.top_logprobs !== undefined && request.logprobs !== true) {
    throw new ApiError(400, "'top_logprobs' is given, but 'logprobs' is not true", { param: "top_logprobs" });
  }
  const tools = request.tool_choice === "none" ? [] : ((request.tools ?? []) as readonly ToolDefinition[]);
  const variables = request.chat_template_kwargs;
  const asked = request.thinking === undefined ? variables?.enable_thinking : request.thinking.type === "enabled";
  return chatPrompt(model, request.messages, {
    tools,
    variables,
    ...(typeof asked === "boolean" ? { enableThinking: asked } : {}),
  });
}

/** The whole answer as one record. */
export async function answerChat(job: ChatJob): Promise<object> {
  const choices: object[] = [];
  let completionTokens = 0;
  for await (const { index, parts } of choicesOf(job)) {
    const all: ReplyPart[] = [];
    for await (const part of parts) all.push(part);
    completionTokens += all.length;
    const events = all.flatMap((part) => part.events);
    const { message } = replyFromEvents(events);
    choices.push({
      index,
      message: { ...message, refusal: null },
      logprobs:
        job.request.logprobs === true ? { content: all.flatMap((part) => logProbabilitiesOf(job, part)) } : null,
      finish_reason: finishOf(all.at(-1)?.finish, message.tool_calls !== undefined),
    });
  }
  return { ...head(job, "chat.completion"), choices, usage: usageOf(job, completionTokens) };
}

/** The chunks of a streamed answer. */
export async function* streamChat(job: ChatJob): AsyncGenerator<object, void, undefined> {
  const first = head(job, "chat.completion.chunk");
  const withUsage = job.request.stream_options?.include_usage === true;
  const chunk = (choice: object): object => ({ ...first, choices: [choice], ...(withUsage ? { usage: null } : {}) });
  let completionTokens = 0;
  for await (const { index, parts } of choicesOf(job)) {
    let called = false;
    let opened = false;
    for await (const part of parts) {
      completionTokens++;
      const deltas: object[] = part.events.flatMap(deltasOf);
      called ||= part.events.some(({ type }) => type === "tool_call");
      // A token whose text is held back still has its log-probability to tell.
      const logs = job.request.logprobs === true ? logProbabilitiesOf(job, part) : [];
      if (deltas.length === 0 && logs.length > 0) deltas.push({ content: "" });
      for (const [i, delta] of deltas.entries()) {
        const content = i === 0 && logs.length > 0 ? { content: logs } : null;
        yield chunk({
          index,
          delta: opened ? delta : { role: "assistant", ...delta },
          logprobs: content,
          finish_reason: null,
        });
        opened = true;
      }
      if (part.finish === undefined) continue;
      const delta = opened ? {} : { role: "assistant", content: "" };
      yield chunk({ index, delta, logprobs: null, finish_reason: finishOf(part.finish, called) });
    }
  }
  if (withUsage) yield { ...first, choices: [], usage: usageOf(job, completionTokens) };
}

/** The choices one after the other. */
async function* choicesOf(job: ChatJob): AsyncGenerator<{ index: number; parts: AsyncIterable<ReplyPart> }> {
  const { model, request, prompt, defaults, signal } = job;
  const seed = seedOf(request);
  for (let index = 0; index < (request.n ?? 1); index++) {
    const answer = randomUUID().replaceAll("-", "").slice(0, 24);
    const parts = streamReply(model, prompt, {
      ...samplingSettings(request, seed, index, defaults),
      signal,
      logProbabilities: request.logprobs === true ? (request.top_logprobs ?? 0) : undefined,
      callId: (call) => `call_${answer}${call}`,
    });
    yield { index, parts };
  }
}

function deltasOf(event: ReplyEvent): object[] {
  if (event.type === "content") return [{ content: event.text }];
  if (event.type === "reasoning") return [{ reasoning_content: event.text }];
  if (event.type === "problem") return []; // its text has been told as content
  const { index, call } = event;
  return [{ tool_calls: [{ index, ...call }] }];
}

/** None for the token that ends the answer: it is no part of the text. */
function logProbabilitiesOf({ model, prompt }: ChatJob, part: ReplyPart): ChatLogProbability[] {
  return prompt.endIds.includes(part.id) ? [] : [chatLogProbability(tokenizerOf(model), part)];
}

const finishOf = (finish: FinishReason | undefined, called: boolean): string =>
  called && finish === "stop" ? "tool_calls" : (finish ?? "length");

const head = ({ name }: ChatJob, object: string) => ({
  id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
  object,
  created: Math.floor(Date.now() / 1000),
  model: name,
  system_fingerprint: null,
});

const usageOf = ({ prompt }: ChatJob, completion: number): object => ({
  prompt_tokens: prompt.ids.length,
  completion_tokens: completion,
  total_tokens: prompt.ids.length + completion,
});
