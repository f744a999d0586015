export { type AttentionOptions, attention, causalBias, forbiddenScore, maskBias, prefixBias } from "./attention.ts";
export { add, clamp, div, maximum, minimum, mul, pow, sub } from "./binary.ts";
export { type CacheAttentionOptions, cacheAttention, cacheWrite } from "./cache.ts";
export { and, equal, greater, greaterOrEqual, less, lessOrEqual, notEqual, or } from "./compare.ts";
export { type CrossEntropyOptions, crossEntropy, linearCrossEntropy } from "./cross-entropy.ts";
export { customGradient, reverseGradient, stopGradient } from "./custom-gradient.ts";
export { constant, isTensor, type Operand, scalar } from "./emit.ts";
export { addAlongAxis, gather, moveAxis, oneHot, scatterAdd, takeAlongAxis, topK } from "./gather.ts";
export { type MatmulOptions, matmul } from "./matmul.ts";
export { concat, expand, flip, pad, reshape, slice, split, stack, transpose } from "./movement.ts";
export { layerNorm, logSoftmax, rmsNorm, softmax } from "./normalize.ts";
export {
  dequantize,
  type QuantizedActivations,
  type QuantizedMatmulOptions,
  quantizedMatmul,
  type WeightBits,
} from "./quantized.ts";
export { dropout, type RandomSource, randomNormal, randomSource, randomUniform } from "./random.ts";
export { argmax, logSumExp, max, mean, min, type ReduceOptions, sum, sumTo } from "./reduce.ts";
export { type RotaryOptions, rotary } from "./rotary.ts";
export { type ScanArguments, type ScanBody, scan } from "./scan.ts";
export { barrier, cast, where } from "./select.ts";
export { type CumsumOptions, cumsum, iota } from "./sequence.ts";
export { type OpName, type OpParams, opTable } from "./table.ts";
export {
  abs,
  cos,
  erf,
  exp,
  floor,
  gelu,
  log,
  neg,
  not,
  reciprocal,
  relu,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  tanh,
} from "./unary.ts";
