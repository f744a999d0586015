export { type OnnxDataType, onnxDataTypes } from "./schema.ts";
export {
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModelOptions,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  writeOnnx,
} from "./write.ts";
