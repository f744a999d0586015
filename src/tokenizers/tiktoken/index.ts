export { looksLikeTiktoken } from "./parse.ts";
export { glm4SpecialTokens, glm4Tokenizer, parseTiktoken, type TiktokenOptions } from "./tokenizer.ts";
