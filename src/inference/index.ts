/** Text out of models: loading, forward passes, generation. */
export type { BeamOptions, BeamResult } from "./beam-search.ts";
export { beamSearch } from "./beam-search.ts";
export { type DecodedToken, type DecodeOptions, decode, type FinishReason } from "./decode.ts";
export { type DecodingSession, type FeedOptions, type Logits, logitsAt } from "./decoding-session.ts";
export * from "./filters/index.ts";
export { type ForwardRequest, forward } from "./forward.ts";
export type { Answer, AnswerLogProbability, BeamSettings, GenerationOptions, StreamPart } from "./generate.ts";
export { type LoadModelOptions, loadModel } from "./load-model.ts";
export type { TokenLogProbability } from "./log-probabilities.ts";
export { createModel, type GenerateRequest, type Model, type ModelParts, type StreamRequest } from "./model.ts";
export { type PromptLookupOptions, type Proposer, promptLookup } from "./prompt-lookup.ts";
export type { ModelTokenizer, PromptRequest } from "./prompts.ts";
export { bitsOf, type WeightType } from "./quantize-parameters.ts";
export type { Network, Prefix } from "./session/network.ts";
export { ProgramPool } from "./session/program-pool.ts";
export { createSession, type SessionOptions } from "./session/session.ts";
export { createStopMatcher, type StopMatcher } from "./stop-strings.ts";
