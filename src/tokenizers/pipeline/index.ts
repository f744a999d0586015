export type { AddedToken } from "./added-tokens.ts";
export { assembleTokenizer, type Pipeline } from "./pipeline.ts";
