/** Model folders in and out. */
export { blockQuantization, blockQuantizationBits } from "./block-quantized.ts";
export type { Checkpoint, CheckpointSpec, QuantizedRows } from "./checkpoint.ts";
export { convertFloat, storedDtype, toHostTensor } from "./host-tensors.ts";
export { isRotaryBuffer, type LoadParametersOptions, loadParameters, type RowSink } from "./load-parameters.ts";
export { type OpenCheckpointOptions, openCheckpoint } from "./open.ts";
export { dequantizeRows } from "./quantized.ts";
export { readJsonObject } from "./read-json.ts";
export {
  convertCheckpoint,
  copyTokenizerFiles,
  type SavedDtype,
  type SavedModel,
  type SaveOptions,
  saveCheckpoint,
  tokenizerFiles,
} from "./save.ts";
export { type CheckpointLayout, layoutOf } from "./thudm/layout.ts";
export { toThudm } from "./thudm/to-thudm.ts";
