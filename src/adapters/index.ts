/** Adapters: LoRA, learned prefixes and prompts, read, made, attached, merged and written. */
export type {
  Adapter,
  AdapterJson,
  LoraAdapter,
  LoraConfig,
  LoraModule,
  PrefixAdapter,
  PrefixParameters,
  PrefixShape,
  PromptAdapter,
} from "./adapter.ts";
export {
  attachLora,
  detachLora,
  dropLora,
  initLora,
  type LinearSize,
  type LoraOptions,
  linearLayers,
  loraConfig,
  mergeLora,
} from "./lora.ts";
export { type LoraTargets, loraTargets } from "./lora-targets.ts";
export { initPrefix, type PrefixOptions, prefixKeysAndValues, prefixTable, prefixWidth } from "./prefix.ts";
export { embeddingOf, withEmbedding, withPrompt } from "./prompt.ts";
export { readAdapter } from "./read.ts";
export { saveAdapter } from "./save.ts";
export {
  isLoraPath,
  loraFileName,
  parseLoraFileName,
  parseLoraPath,
  peftParameterName,
  peftPrefixName,
  thudmPrefixName,
} from "./tensor-names.ts";
