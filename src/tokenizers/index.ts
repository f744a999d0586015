export * from "./chat/index.ts";
export * from "./chatglm/index.ts";
export { parseTokenizerJson, type TokenizerJsonOptions } from "./huggingface/index.ts";
export { createIncrementalDecoder, type IncrementalDecoder } from "./incremental-decoder.ts";
export { type LoadedTokenizer, loadTokenizer } from "./load.ts";
export * from "./sentencepiece/index.ts";
export { glm4SpecialTokens, glm4Tokenizer, parseTiktoken, type TiktokenOptions } from "./tiktoken/index.ts";
export type { DecodeOptions, EncodeOptions, SpecialIds, Tokenizer } from "./tokenizer.ts";
export * from "./train/index.ts";
