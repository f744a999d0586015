/** Models: families of networks as configurations over shared blocks. */
export { type BlankTokens, blankLayout, type TextLayout } from "./blank-layout.ts";
export * from "./checkpoint/index.ts";
export type { DecoderModelConfig, MixtureConfig, RopeConfig } from "./decoder/config.ts";
export { isMixtureLayer } from "./decoder/config.ts";
export type { DecoderLayer, DecoderParameters } from "./decoder/parameters.ts";
export { type RopeScaling, ropeFrequencies } from "./decoder/rope.ts";
export type {
  CacheInputs,
  ForwardInputs,
  ForwardOutputs,
  Json,
  JsonObject,
  ModelConfig,
  ModelFamily,
  ParameterTree,
} from "./family.ts";
export { initParameters } from "./initialize.ts";
export { type Keep, type LoadedParameters, loadModelParameters, parametersFrom } from "./load.ts";
export { paddingBias } from "./masks.ts";
export { familyNamed, familyNames, modelTypes, readModelConfig } from "./registry.ts";
