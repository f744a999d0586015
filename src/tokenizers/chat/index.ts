/** Conversations: templates of every GLM generation and any Jinja template, loss masks, replies with tool calls. */
export {
  applyChatTemplate,
  type ChatTemplateOptions,
  encodeTrainingChat,
  resolveTemplate,
  stopIds,
  type TrainingChatOptions,
} from "./apply.ts";
export { type EncodedChat, encodeChat } from "./encode.ts";
export { chatTemplateOfFolder } from "./folder.ts";
export { chatTemplate, chatTemplates, detectGeneration, type GenerationName } from "./generations.ts";
export { type JinjaSource, jinjaTemplate } from "./jinja/template.ts";
export type { ChatMessage, ContentPart, ToolCall, ToolDefinition } from "./message.ts";
export { type PythonCall, parsePythonCall, writePythonCall } from "./python-call.ts";
export {
  type ParsedReply,
  type ParseReplyOptions,
  type ReplyEvent,
  type ReplyMessage,
  type ReplyProblem,
  type ReplyStream,
  type ReplyToolCall,
  replyFromEvents,
} from "./reply.ts";
export { type RenderedChat, type Segment, segmentsText } from "./segment.ts";
export type { ChatTemplate, RenderOptions } from "./template.ts";
