export { type ChatGlm6bOptions, chatGlm6bReply, chatGlm6bTokenizer, widenPunctuation } from "./chatglm-6b.ts";
export { chatGlm2Tokenizer, chatGlm3Tokenizer } from "./chatglm3.ts";
export { detectChatGlm } from "./detect.ts";
export { type GlmChineseOptions, glmChineseTokenizer } from "./glm-chinese.ts";
