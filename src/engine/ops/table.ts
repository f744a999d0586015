/** Every op, by name. Backends type their lowering tables over these names, so a forgotten op does not compile. */
import type { OpDefinition } from "../graph/op.ts";
import { binaryOps } from "./binary.ts";
import { cacheAttentionOp, cacheWriteOp } from "./cache.ts";
import { compareOps } from "./compare.ts";
import { composedOp } from "./composed.ts";
import { customGradientOp } from "./custom-gradient.ts";
import { addAlongAxisOp, gatherOp, scatterAddOp, takeAlongAxisOp, topKIndicesOp } from "./gather.ts";
import { matmulOp } from "./matmul.ts";
import { concatOp, expandOp, flipOp, padOp, reshapeOp, sliceOp, transposeOp } from "./movement.ts";
import { layerNormOp, logSoftmaxOp, rmsNormOp, softmaxOp } from "./normalize.ts";
import { dequantizeOp, quantizedMatmulOp } from "./quantized.ts";
import { dropoutMaskOp, randomBitsOp, shiftRightOp } from "./random.ts";
import { argmaxOp, reduceOps } from "./reduce.ts";
import { rotaryOp } from "./rotary.ts";
import { scanOp } from "./scan.ts";
import { barrierOp, castOp, whereOp } from "./select.ts";
import { cumsumOp, iotaOp } from "./sequence.ts";
import { constantOp, dimensionOp } from "./source.ts";
import { unaryOps } from "./unary.ts";

export const opTable = {
  ...unaryOps,
  ...binaryOps,
  ...compareOps,
  ...reduceOps,
  argmax: argmaxOp,
  where: whereOp,
  cast: castOp,
  barrier: barrierOp,
  matmul: matmulOp,
  dequantize: dequantizeOp,
  quantizedMatmul: quantizedMatmulOp,
  reshape: reshapeOp,
  transpose: transposeOp,
  slice: sliceOp,
  pad: padOp,
  concat: concatOp,
  expand: expandOp,
  flip: flipOp,
  gather: gatherOp,
  scatterAdd: scatterAddOp,
  takeAlongAxis: takeAlongAxisOp,
  addAlongAxis: addAlongAxisOp,
  topKIndices: topKIndicesOp,
  iota: iotaOp,
  cumsum: cumsumOp,
  softmax: softmaxOp,
  logSoftmax: logSoftmaxOp,
  rmsNorm: rmsNormOp,
  layerNorm: layerNormOp,
  rotary: rotaryOp,
  cacheWrite: cacheWriteOp,
  cacheAttention: cacheAttentionOp,
  scan: scanOp,
  randomBits: randomBitsOp,
  shiftRight: shiftRightOp,
  dropoutMask: dropoutMaskOp,
  customGradient: customGradientOp,
  composed: composedOp,
  constant: constantOp,
  dimension: dimensionOp,
} as const;

export type OpName = keyof typeof opTable;
/** Compile-time parameters of an op. */
export type OpParams<K extends OpName> = (typeof opTable)[K] extends OpDefinition<infer Params> ? Params : never;
