/**
 * Request bodies of the OpenAI-compatible server. Fields that the server cannot honour are refused unless they ask for
 * nothing; unknown ones are refused, as OpenAI does: a mistyped `temprature` must not pass for a setting.
 */
import { z } from "zod";

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** Settings that both kinds of completion share. */
const shared = {
  model: optional(z.string()),
  max_tokens: optional(z.int().min(1)),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().gt(0).max(1)),
  n: optional(z.int().min(1).max(128)),
  stop: optional(
    z.union([z.string().min(1), z.array(z.string().min(1)).max(16)], "wanted a string or up to 16 strings"),
  ),
  seed: optional(z.int()),
  stream: optional(z.boolean()),
  stream_options: optional(z.strictObject({ include_usage: z.boolean().optional() })),
  presence_penalty: optional(z.number().min(-2).max(2)),
  frequency_penalty: optional(z.number().min(-2).max(2)),
  logit_bias: optional(z.record(z.string().regex(/^\d+$/, "wanted token ids"), z.number().min(-100).max(100))),
  // Not of OpenAI, but what vLLM, SGLang and llama.cpp take under these names.
  top_k: optional(z.int().min(-1)),
  min_p: optional(z.number().min(0).max(1)),
  repetition_penalty: optional(z.number().gt(0)),
  // Bookkeeping of the client, which changes no answer.
  user: optional(z.string()),
  metadata: optional(z.record(z.string(), z.string())),
  store: optional(z.boolean()),
  service_tier: optional(z.string()),
  safety_identifier: optional(z.string()),
  prompt_cache_key: optional(z.string()),
};

const contentPart = z.looseObject({ type: z.string(), text: z.string().optional() });

const toolCall = z.strictObject({
  id: z.string().optional(),
  type: z.literal("function").optional(),
  index: z.int().optional(),
  function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
});

const message = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: z.union([z.string(), z.array(contentPart)], "wanted text or a list of parts").nullish(),
  reasoning_content: z.string().nullish(),
  name: z.string().optional(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().optional(),
  refusal: z.null().optional(),
});

const tool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: z.string().min(1),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
});

const cannotForce = "the model decides about tools itself: 'auto' and 'none' are supported";

/** `POST /v1/chat/completions` */
export const chatRequest = z.strictObject({
  ...shared,
  messages: z.array(message).min(1),
  max_completion_tokens: optional(z.int().min(1)),
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int().min(0).max(20)),
  tools: optional(z.array(tool)),
  tool_choice: optional(z.enum(["auto", "none"], cannotForce)),
  parallel_tool_calls: optional(z.boolean()),
  response_format: optional(z.strictObject({ type: z.literal("text", "only text is supported") })),
  reasoning_effort: optional(z.string()),
  /** Zhipu's switch. */
  thinking: optional(z.strictObject({ type: z.enum(["enabled", "disabled"]) })),
  /** Variables of the chat template, as vLLM and SGLang take them. */
  chat_template_kwargs: optional(z.record(z.string(), z.unknown())),
});

export type ChatRequest = z.output<typeof chatRequest>;

const ids = z.array(z.int().min(0)).min(1);

/** `POST /v1/completions` */
export const completionRequest = z.strictObject({
  ...shared,
  prompt: z.union(
    [z.string(), z.array(z.string()).min(1), ids, z.array(ids).min(1)],
    "wanted a string, a list of strings, token ids, or a list of those",
  ),
  logprobs: optional(z.int().min(0).max(20)),
  echo: optional(z.literal(false, "echo is not supported")),
  best_of: optional(z.literal(1, "best_of is not supported: use n")),
  suffix: optional(z.literal("", "suffix is not supported")),
});

export type CompletionRequest = z.output<typeof completionRequest>;
