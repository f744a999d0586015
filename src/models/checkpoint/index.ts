/** Model folders in and out. */
export type { Checkpoint, CheckpointSpec, QuantizedRows } from "./checkpoint.ts";
export { convertFloat, toHostTensor } from "./host-tensors.ts";
export { isRotaryBuffer, type LoadParametersOptions, loadParameters } from "./load-parameters.ts";
export { type OpenCheckpointOptions, openCheckpoint } from "./open.ts";
export { readJsonObject } from "./read-json.ts";
