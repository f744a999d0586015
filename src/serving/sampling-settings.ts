/** From the settings of a request to those of the inference room. */
import { randomInt } from "node:crypto";
import type { GenerationOptions } from "../inference/index.ts";
import { ApiError } from "./api-error.ts";
import type { ChatRequest, CompletionRequest } from "./schemas.ts";

/** What the server uses where a request says nothing. */
export interface ServingDefaults {
  /** Default 1, as in OpenAI's API. */
  readonly temperature?: number | undefined;
  /** Default 1. */
  readonly topP?: number | undefined;
  /** Most tokens of an answer. Default: as many as the context has room for. */
  readonly maxTokens?: number | undefined;
}

/**
 * Settings of the choice number `index`: each has a seed of its own, derived from the request's, so that a seed gives the same
 * choices again, streamed or not.
 */
export function samplingSettings(
  request: ChatRequest | CompletionRequest,
  seed: number,
  index: number,
  defaults: ServingDefaults,
): GenerationOptions {
  const temperature = request.temperature ?? defaults.temperature ?? 1;
  const wanted = "max_completion_tokens" in request ? request.max_completion_tokens : undefined;
  const topK = request.top_k === -1 ? 0 : request.top_k;
  return {
    maxNewTokens: wanted ?? request.max_tokens ?? defaults.maxTokens ?? Number.MAX_SAFE_INTEGER,
    temperature,
    // Without sampling these would do nothing; OpenAI's clients send them all the same.
    ...(temperature > 0
      ? { topP: request.top_p ?? defaults.topP ?? 1, topK: topK ?? 0, minP: request.min_p ?? 0 }
      : {}),
    seed: (seed + index) % Number.MAX_SAFE_INTEGER,
    stop: request.stop,
    presencePenalty: request.presence_penalty,
    frequencyPenalty: request.frequency_penalty,
    repetitionPenalty: request.repetition_penalty,
    logitBias: request.logit_bias === undefined ? undefined : biases(request.logit_bias),
  };
}

/** The request's seed, or a fresh one. */
export const seedOf = ({ seed }: ChatRequest | CompletionRequest): number => seed ?? randomInt(2 ** 47);

function biases(table: Readonly<Record<string, number>>): ReadonlyMap<number, number> {
  return new Map(Object.entries(table).map(([id, bias]) => [Number(id), bias]));
}

/** Refuses a request for another model. */
export function checkModelName(asked: string | undefined, served: string): void {
  if (asked === undefined || asked === served) return;
  throw new ApiError(404, `The model '${asked}' does not exist; this server has '${served}'`, {
    param: "model",
    code: "model_not_found",
  });
}
