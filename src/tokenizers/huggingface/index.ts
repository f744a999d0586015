export { parseTokenizerJson, type TokenizerJsonOptions } from "./tokenizer-json.ts";
