/** Export: models for other programs, verified by running those programs. */
export { type Answer, type AnswerComparison, answerOf, compareAnswers } from "./answer.ts";
export { type ExportGgufOptions, exportGguf, type GgufExport } from "./gguf/export-gguf.ts";
export type { JudgeOptions } from "./gguf/judge.ts";
export { readGgufParameters } from "./gguf/read-back.ts";
export type { GgufExportType } from "./gguf/tensor-type.ts";
export { readGgufVocabulary, type VocabularyOptions } from "./gguf/tokenizer-files.ts";
export { type GgufVerification, ggufTolerance, type VerifyGgufOptions, verifyGguf } from "./gguf/verify.ts";
export { type GgufToken, type GgufTokenType, type GgufVocabulary, syntheticVocabulary } from "./gguf/vocabulary.ts";
export { type ExportHfOptions, exportHf, type HfExport } from "./hf/export-hf.ts";
export { type HfVerification, type VerifyHfOptions, verifyHf } from "./hf/verify.ts";
export { sourceOfMerged } from "./merged.ts";
export { type ExportOnnxOptions, exportOnnx, type OnnxExport } from "./onnx/export-onnx.ts";
export { type OnnxVerification, type VerifyOnnxOptions, verifyOnnx } from "./onnx/verify.ts";
export { type ExportSource, sourceOfCheckpoint, sourceOfParameters } from "./source.ts";
