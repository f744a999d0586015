/** A conversation that goes on: its messages, and the answer to the last of them as it is written. */
import type { GenerationOptions, Model } from "../inference/index.ts";
import { type ChatOptions, type ChatPrompt, chatPrompt, streamReply } from "../serving/index.ts";
import { CongError } from "../support/index.ts";
import { type ChatMessage, type ReplyEvent, replyFromEvents } from "../tokenizers/index.ts";

export interface ChatSession {
  /** The system message comes first where there is one. */
  readonly messages: readonly ChatMessage[];
  system(text: string | undefined): void;
  /** Forgets everything but the system message. */
  reset(): void;
  /**
   * Answers. When the conversation has outgrown the context, its oldest rounds are left out of the prompt (not of `messages`), and
   * `onForget` is told how many messages. An aborted answer stays as far as it came.
   */
  ask(text: string, options?: AskOptions): AsyncGenerator<ReplyEvent, AnswerSummary, undefined>;
}

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onForget?: ((messages: number) => void) | undefined;
}

export interface AnswerSummary {
  readonly tokens: number;
  /** `length`: as many tokens as were allowed; `context`: the context has no room for more. */
  readonly ended: "stop" | "length" | "context" | "aborted";
}

export interface ChatSessionOptions {
  readonly chat?: ChatOptions | undefined;
  readonly generation?: GenerationOptions | undefined;
  readonly system?: string | undefined;
}

/** Room that an answer must have, in tokens, before rounds are forgotten for it: an eighth of the context, at most this. */
const mostRoom = 512;

export function createChatSession(model: Model, options: ChatSessionOptions = {}): ChatSession {
  const { chat = {}, generation = {} } = options;
  let { system } = options;
  let turns: ChatMessage[] = [];
  let asked = 0;
  const messages = (): ChatMessage[] =>
    system === undefined ? [...turns] : [{ role: "system", content: system }, ...turns];

  /** The longest end of the conversation that leaves room for an answer. */
  function prompt(onForget: AskOptions["onForget"]): ChatPrompt {
    const { contextLength } = model.config;
    const room = Math.min(mostRoom, Math.floor(contextLength / 8));
    const whole = messages();
    const from = whole.length - turns.length;
    for (let dropped = 0; ; dropped += 2) {
      const kept = [...whole.slice(0, from), ...turns.slice(dropped)];
      const made = chatPrompt(model, kept, chat);
      const isLast = dropped + 2 >= turns.length;
      if (made.ids.length + room <= contextLength || isLast) {
        if (dropped > 0) onForget?.(dropped);
        return made;
      }
    }
  }

  return {
    get messages() {
      return messages();
    },
    system(text) {
      system = text;
    },
    reset() {
      turns = [];
    },
    async *ask(text, { signal, onForget } = {}) {
      const before = turns;
      turns = [...turns, { role: "user", content: text }];
      const events: ReplyEvent[] = [];
      let tokens = 0;
      let ended: AnswerSummary["ended"] = "length";
      try {
        // Each answer draws from numbers of its own; the whole conversation follows from the seed.
        const seed = Number(generation.seed ?? 0) + asked++;
        for await (const part of streamReply(model, prompt(onForget), { ...generation, seed, signal })) {
          tokens++;
          if (part.finish === "length") ended = tokens === generation.maxNewTokens ? "length" : "context";
          else if (part.finish !== undefined) ended = part.finish;
          events.push(...part.events);
          yield* part.events;
        }
      } catch (error) {
        if (signal?.aborted !== true) {
          turns = before;
          throw error;
        }
        ended = "aborted";
      }
      const { message } = replyFromEvents(events);
      // An answer that was stopped before its first word leaves no trace, nor does its question.
      turns = ended === "aborted" && events.length === 0 ? before : [...turns, message];
      return { tokens, ended };
    },
  };
}

/** Refuses a model that cannot chat, before the first question. */
export function checkChat(model: Model, chat: ChatOptions): void {
  try {
    chatPrompt(model, [{ role: "user", content: "?" }], chat);
  } catch (error) {
    if (!CongError.is(error) || error.code !== "UNKNOWN_CHAT_TEMPLATE") throw error;
    throw new CongError(
      "UNKNOWN_CHAT_TEMPLATE",
      "this model has no chat template, and its tokenizer is of no known GLM generation: it continues texts, it does not chat",
      error.details,
      "try `congling generate`, or name a template with --template",
    );
  }
}
