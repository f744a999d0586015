export { readTokenizerConfig, type TokenizerConfig } from "./tokenizer-config.ts";
export { parseTokenizerJson, type TokenizerJsonOptions } from "./tokenizer-json.ts";
