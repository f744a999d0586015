/**
 * Congling in one import: everything a first program needs. Each room has more under its own name, for example
 * `congling/nn`.
 */

export { onnxruntimeBackend } from "./engine/backends/onnxruntime/index.ts";
export {
  type Backend,
  type Executable,
  GraphBuilder,
  gradients,
  type HostTensor,
  hostTensor,
  type Tensor,
  toNumbers,
  trace,
} from "./engine/index.ts";
export { exportGguf, exportOnnx } from "./export/index.ts";
export { openSafetensors, writeSafetensors } from "./formats/index.ts";
export { loadModel, type Model } from "./inference/index.ts";
export { type Decoder, type DecoderConfig, decoderLogits, decoderLoss, initDecoder } from "./nn/index.ts";
export { CongError } from "./support/index.ts";
export { createRandom, type Random } from "./support/random.ts";
export { applyChatTemplate, loadTokenizer, type Tokenizer } from "./tokenizers/index.ts";
export {
  type BatchSource,
  createOptimizer,
  createSchedule,
  createTrainer,
  loadCheckpoint,
  saveCheckpoint,
  train,
  trainStep,
} from "./training/index.ts";
