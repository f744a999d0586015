/** The routes of the OpenAI-compatible server, over one model. Computing happens on the engine's own threads. */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { z } from "zod";
import type { Model } from "../inference/index.ts";
import { ApiError, apiErrorOf, apiErrorOfSchema } from "./api-error.ts";
import { requireKey } from "./authorize.ts";
import { answerChat, promptOfChat, streamChat } from "./chat-completions.ts";
import { answerCompletion, promptsOfCompletion, streamCompletion } from "./completions.ts";
import { eventStream } from "./event-stream.ts";
import { createQueue } from "./queue.ts";
import { checkModelName, type ServingDefaults } from "./sampling-settings.ts";
import { chatRequest, completionRequest } from "./schemas.ts";

export interface AppOptions {
  /** The model's name in requests and answers. */
  readonly name: string;
  /** Keys that open `/v1`. Default: none is asked for. */
  readonly apiKeys?: readonly string[] | undefined;
  readonly defaults?: ServingDefaults | undefined;
  /** Requests that may wait for the one being answered; more are refused with 429. Default 100. */
  readonly queueLimit?: number | undefined;
  /** Largest request body in bytes. Default 8 MiB. */
  readonly bodyLimit?: number | undefined;
  /** Told of errors that are the server's own. Default: nobody. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** How one kind of completion is answered. */
interface Endpoint<Job> {
  readonly answer: (job: Job) => Promise<object>;
  readonly stream: (job: Job) => AsyncGenerator<object, void, undefined>;
}

/** Handlers for `fetch`-style requests; `serve` puts them behind a port. */
export function createApp(model: Model, options: AppOptions): Hono {
  const { name, apiKeys = [], defaults = {}, queueLimit = 100, onFailure = () => {} } = options;
  const queue = createQueue(queueLimit);
  const started = Math.floor(Date.now() / 1000);
  const app = new Hono();

  app.onError((error, context) => {
    const { status, body } = apiErrorOf(error);
    // A client that left reads no answer, and its leaving is no failure.
    if (status === 500 && !context.req.raw.signal.aborted) onFailure(error);
    return context.json(body, status);
  });
  app.notFound((context) => {
    const { method, path } = context.req;
    return context.json(new ApiError(404, `Unknown request URL: ${method} ${path}`, { code: "unknown_url" }).body, 404);
  });
  app.use("/v1/*", async (context, next) => {
    if (apiKeys.length === 0) return next();
    return requireKey(apiKeys)(context, next);
  });
  app.use(
    "/v1/*",
    bodyLimit({
      maxSize: options.bodyLimit ?? 8 * 2 ** 20,
      onError: () => {
        throw new ApiError(413, "The request body is too large", { code: "request_too_large" });
      },
    }),
  );

  app.get("/health", (context) => context.json({ status: "ok", model: name, waiting: queue.waiting }));
  const card = {
    id: name,
    object: "model",
    created: started,
    owned_by: "congling",
    context_length: model.config.contextLength,
  };
  app.get("/v1/models", (context) => context.json({ object: "list", data: [card] }));
  app.get("/v1/models/:name{.+}", (context) => {
    checkModelName(context.req.param("name"), name);
    return context.json(card);
  });

  app.post("/v1/chat/completions", async (context) => {
    const request = await readBody(context, chatRequest);
    checkModelName(request.model, name);
    const prompt = promptOfChat(model, request);
    const job = (signal: AbortSignal) => ({ model, name, request, prompt, defaults, signal });
    return respond(context, request.stream === true, job, { answer: answerChat, stream: streamChat });
  });
  app.post("/v1/completions", async (context) => {
    const request = await readBody(context, completionRequest);
    checkModelName(request.model, name);
    const prompts = promptsOfCompletion(model, request);
    const job = (signal: AbortSignal) => ({ model, name, request, prompts, defaults, signal });
    return respond(context, request.stream === true, job, { answer: answerCompletion, stream: streamCompletion });
  });

  /** Waits for the turn, answers, and gives the turn back, also when the client leaves. */
  async function respond<Job>(
    context: Context,
    streams: boolean,
    jobOf: (signal: AbortSignal) => Job,
    endpoint: Endpoint<Job>,
  ): Promise<Response> {
    const gone = new AbortController();
    const signal = AbortSignal.any([context.req.raw.signal, gone.signal]);
    const leave = await queue.enter(signal);
    try {
      const job = jobOf(signal);
      if (!streams) return context.json(await endpoint.answer(job));
      const response = await eventStream(ending(endpoint.stream(job), leave), (reason) => gone.abort(reason));
      return response;
    } catch (error) {
      leave();
      throw error;
    } finally {
      if (!streams) leave();
    }
  }

  return app;
}

/** The same records; `finish` is called when they end, fail or are no longer wanted. */
async function* ending<T>(records: AsyncGenerator<T, void, undefined>, finish: () => void) {
  try {
    yield* records;
  } finally {
    finish();
  }
}

async function readBody<Schema extends z.ZodType>(context: Context, schema: Schema): Promise<z.output<Schema>> {
  let body: unknown;
  try {
    body = await context.req.json();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, "We could not parse the JSON body of your request", { code: "invalid_json" });
  }
  const checked = schema.safeParse(body);
  if (!checked.success) throw apiErrorOfSchema(checked.error);
  return checked.data;
}
