export { parseTokenizerJson, type TokenizerJsonOptions } from "./huggingface/index.ts";
export { createIncrementalDecoder, type IncrementalDecoder } from "./incremental-decoder.ts";
export type { DecodeOptions, EncodeOptions, SpecialIds, Tokenizer } from "./tokenizer.ts";
