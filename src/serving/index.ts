/** Serving: models behind an OpenAI-compatible interface. */
export { type AppOptions, createApp } from "./app.ts";
export {
  type ChatOptions,
  type ChatPrompt,
  chatPrompt,
  type ReplyPart,
  streamReply,
  tokenizerOf,
} from "./chat-reply.ts";
export { createQueue, type Queue } from "./queue.ts";
export type { ServingDefaults } from "./sampling-settings.ts";
export { type ListenOptions, listen, type RunningServer } from "./server.ts";
