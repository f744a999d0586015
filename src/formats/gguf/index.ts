export { Gguf, openGguf, parseGguf } from "./open.ts";
export type {
  GgufList,
  GgufMetadata,
  GgufScalarType,
  GgufTensorInfo,
  GgufTensorType,
  GgufValue,
} from "./types.ts";
export { byteLengthOf as ggufByteLength } from "./types.ts";
export { ggufValue } from "./values.ts";
export { encodeGguf, type GgufTensorSource, writeGguf } from "./write.ts";
