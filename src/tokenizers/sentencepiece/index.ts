export type { NormalizerSettings, PieceType, SentencePiece, SentencePieceModel } from "./model.ts";
export { parseSentencePieceModel, writeSentencePieceModel } from "./model-file.ts";
export { type SentencePieceLayout, sentencePieceTokenizer } from "./tokenizer.ts";
