/** Fine-tuning: methods, conversations as samples, and the command's function. */
export { type ChatSampleOptions, chatEncoder, sampleOfMask } from "./chat-samples.ts";
export type { TuningMethod } from "./method.ts";
export { tuningMethod } from "./methods.ts";
export { type MethodName, methodNames, type SftSettings, sftSettings } from "./settings.ts";
export { sft } from "./sft.ts";
