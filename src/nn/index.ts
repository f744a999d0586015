/** Layers: configuration, fresh parameters, and functions over plain parameter records. */
export { type ActivationName, activations } from "./activation.ts";
export {
  type Attention,
  type AttentionInputs,
  type AttentionLayerOptions,
  attentionLayer,
  type HeadOptions,
  initAttention,
  type KeysAndValues,
} from "./attention.ts";
export {
  assignCache,
  type CachedAttentionInputs,
  type CacheSize,
  cacheBias,
  cachedAttention,
  cacheSpec,
  emptyCache,
  positionsFrom,
  writeCache,
} from "./attention-cache.ts";
export { type Block, type BlockInputs, type BlockOptions, block, cachedBlock, initBlock } from "./block.ts";
export {
  type Decoder,
  type DecoderConfig,
  type DecoderOptions,
  decoderFrequencies,
  decoderHidden,
  decoderLogits,
  decoderLoss,
  hiddenLogits,
  initDecoder,
} from "./decoder.ts";
export {
  type DecoderCache,
  type DecoderCacheOptions,
  decoderCacheSpec,
  decoderStep,
  emptyDecoderCache,
} from "./decoder-cache.ts";
export { type DropoutOptions, dropoutLayer } from "./dropout.ts";
export {
  type AnyEmbedding,
  type Embedding,
  type EmbeddingOptions,
  embedding,
  initEmbedding,
  tiedLogits,
} from "./embedding.ts";
export {
  constantInitializer,
  fans,
  type Initializer,
  type KaimingOptions,
  kaimingNormal,
  kaimingUniform,
  normal,
  ones,
  orthogonal,
  type TruncatedNormalOptions,
  truncatedNormal,
  uniform,
  xavierNormal,
  xavierUniform,
  zeros,
} from "./initialize.ts";
export {
  type DenseLinear,
  defaultWeight,
  denseWeight,
  initLinear,
  isQuantized,
  type Linear,
  type LinearOptions,
  type LowRank,
  linear,
  type QuantizedLinear,
  quantizeLinear,
} from "./linear.ts";
export { loadBalancingLoss, nextCorrectionBias } from "./mixture/balance.ts";
export {
  type Experts,
  initMixture,
  type Mixture,
  type MixtureOptions,
  type MixtureShape,
  mixture,
  runExperts,
} from "./mixture/mixture.ts";
export {
  initRouter,
  type Router,
  type RouterOptions,
  type RouterShape,
  type Routing,
  route,
} from "./mixture/router.ts";
export {
  type ActivationOption,
  type GatedMlp,
  gatedMlp,
  initGatedMlp,
  initMlp,
  type Mlp,
  type MlpOptions,
  mlp,
} from "./mlp.ts";
export {
  initLayerNorm,
  initRmsNorm,
  type LayerNorm,
  layerNormLayer,
  type NormOptions,
  type RmsNorm,
  rmsNormLayer,
} from "./norm.ts";
export { type Cell, type CellName, cells } from "./recurrent/cells.ts";
export {
  initRecurrent,
  type Recurrent,
  type RecurrentDirection,
  type RecurrentLayer,
  type RecurrentOptions,
  type RecurrentResult,
  type RecurrentShape,
  recurrent,
} from "./recurrent/recurrent.ts";
export { recurrentFromTorch } from "./recurrent/torch-names.ts";
export {
  type RotaryFrequencyOptions,
  type RotaryTables,
  rotaryConstants,
  rotaryFrequencies,
  rotaryRows,
  rotaryTables,
  rotaryTablesInGraph,
} from "./rotary-tables.ts";
