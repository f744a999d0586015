export {
  arrayOf,
  byteLengthOf,
  isSafeDtype,
  type SafeArray,
  type SafeDtype,
  type SafeTensor,
  type SafeTensorInfo,
  safeDtypes,
} from "./dtypes.ts";
export { openSafetensors, type Safetensors } from "./open.ts";
export { type ParsedSafetensors, parseSafetensors } from "./parse.ts";
export { readShardIndex, type ShardIndex } from "./shard-index.ts";
export { tensorToFloat32 } from "./to-float32.ts";
export { encodeSafetensors, type TensorSource, type WriteOptions, writeSafetensors } from "./write.ts";
export { type ShardOptions, writeShardedSafetensors } from "./write-sharded.ts";
