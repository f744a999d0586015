export { type ChatGlm6bOptions, chatGlm6bReply, chatGlm6bTokenizer, widenPunctuation } from "./chatglm-6b.ts";
export {
  type ChatGlm3Message,
  chatGlm2Tokenizer,
  chatGlm3Tokenizer,
  encodeChatGlm3Chat,
  encodeChatGlm3Message,
} from "./chatglm3.ts";
export { detectChatGlm } from "./detect.ts";
export { type GlmChineseOptions, glmChineseTokenizer } from "./glm-chinese.ts";
export { encodeChatGlmPair } from "./pair.ts";
