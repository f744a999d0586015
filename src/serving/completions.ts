/** `POST /v1/completions`: text that goes on from a prompt, without a chat template. */
import { randomUUID } from "node:crypto";
import type { Model, StreamPart } from "../inference/index.ts";
import { tokenizerOf } from "./chat-reply.ts";
import { type TextLogProbabilities, textLogProbabilities } from "./log-probabilities.ts";
import { type ServingDefaults, samplingSettings, seedOf } from "./sampling-settings.ts";
import type { CompletionRequest } from "./schemas.ts";

export interface CompletionJob {
  readonly model: Model;
  readonly name: string;
  readonly request: CompletionRequest;
  /** Token ids of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  readonly defaults: ServingDefaults;
  readonly signal: AbortSignal;
}

/** OpenAI's default for this endpoint, which has no end that a model would find by itself. */
const defaultTokens = 16;

/** The prompts of a request as ids. */
export function promptsOfCompletion(model: Model, { prompt }: CompletionRequest): (readonly number[])[] {
  const encode = (text: string): number[] => tokenizerOf(model).encode(text);
  if (typeof prompt === "string") return [encode(prompt)];
  if (typeof prompt[0] === "number") return [prompt as number[]];
  return (prompt as readonly (string | number[])[]).map((each) => (typeof each === "string" ? encode(each) : each));
}

export async function answerCompletion(job: CompletionJob): Promise<object> {
  const choices: object[] = [];
  let completionTokens = 0;
  for (const { index, parts } of choicesOf(job)) {
    const all: StreamPart[] = [];
    for await (const part of parts) all.push(part);
    completionTokens += all.length;
    choices.push({
      index,
      text: all.map(({ text }) => text).join(""),
      logprobs: logProbabilitiesOf(job, all, 0),
      finish_reason: all.at(-1)?.finish ?? "length",
    });
  }
  return { ...head(job), choices, usage: usageOf(job, completionTokens) };
}

export async function* streamCompletion(job: CompletionJob): AsyncGenerator<object, void, undefined> {
  const first = head(job);
  const withUsage = job.request.stream_options?.include_usage === true;
  let completionTokens = 0;
  for (const { index, parts } of choicesOf(job)) {
    let offset = 0;
    for await (const part of parts) {
      completionTokens++;
      const { text, finish = null } = part;
      const logprobs = logProbabilitiesOf(job, [part], offset);
      offset += text.length;
      if (text === "" && finish === null && logprobs === null) continue;
      const choice = { index, text, logprobs, finish_reason: finish };
      yield { ...first, choices: [choice], ...(withUsage ? { usage: null } : {}) };
    }
  }
  if (withUsage) yield { ...first, choices: [], usage: usageOf(job, completionTokens) };
}

/** All choices of all prompts: n of the first, n of the second, … */
function* choicesOf(job: CompletionJob): Generator<{ index: number; parts: AsyncIterable<StreamPart> }> {
  const { model, request, prompts, defaults, signal } = job;
  const { n = 1, logprobs } = request;
  const seed = seedOf(request);
  for (const [at, inputIds] of prompts.entries()) {
    for (let sample = 0; sample < n; sample++) {
      const settings = samplingSettings(request, seed, sample, { maxTokens: defaultTokens, ...defaults });
      yield {
        index: at * n + sample,
        parts: model.stream({ ...settings, inputIds, logProbabilities: logprobs, signal }),
      };
    }
  }
}

/** null where not asked for. The token that ends the answer is left out. */
function logProbabilitiesOf(
  { model, request }: CompletionJob,
  parts: readonly StreamPart[],
  offset: number,
): TextLogProbabilities | null {
  if (request.logprobs === undefined) return null;
  const visible = parts.filter(({ id }) => !model.endIds.includes(id));
  return visible.length === 0 ? null : textLogProbabilities(tokenizerOf(model), visible, offset);
}

const head = ({ name }: CompletionJob) => ({
  id: `cmpl-${randomUUID().replaceAll("-", "")}`,
  object: "text_completion",
  created: Math.floor(Date.now() / 1000),
  model: name,
  system_fingerprint: null,
});

function usageOf({ prompts }: CompletionJob, completion: number): object {
  const prompt = prompts.reduce((sum, ids) => sum + ids.length, 0);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
