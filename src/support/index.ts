export { type Bounds, checkDivides, checkInteger, checkLength, checkOneOf, checkRange } from "./checks.ts";
export { CongError } from "./errors.ts";
export {
  type Chunks,
  recoverFolder,
  replaceFolderAtomic,
  type StagedFile,
  stageFile,
  syncFolder,
  writeError,
  writeFileAtomic,
} from "./files.ts";
export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./half-precision.ts";
export { Progress, type ProgressFields, type ProgressOptions, type ProgressStream } from "./progress.ts";
export { closest, pick, unknownName } from "./suggest.ts";
