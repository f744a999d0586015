/** Compression: smaller weights, and what they cost. */
export { type Measured, measureFolder, measureModel } from "./measure.ts";
export { type QuantizedFolder, quantizeFolder } from "./quantize-folder.ts";
