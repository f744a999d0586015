/** Tells ChatGLM's vocabulary files from other SentencePiece models, for folders that hold nothing but the file. */
import type { SentencePieceModel } from "../sentencepiece/index.ts";

/** Pieces of the released file and where a few of them stand; the numbers are facts about that one file. */
const chatGlm3Pieces = 64789;
const chatGlm3Space = 30910;

/**
 * "chatglm-6b" for a unigram model with ChatGLM-6B's layout pieces; "chatglm3" for the file that ChatGLM2 and ChatGLM3
 * share, which does not say which of the two it belongs to: ChatGLM3 has all tokens of both. Undefined for others.
 */
export function detectChatGlm(model: SentencePieceModel): "chatglm-6b" | "chatglm3" | undefined {
  const { kind, pieces } = model;
  if (kind === "bpe") {
    return pieces.length === chatGlm3Pieces && pieces[chatGlm3Space]?.piece === "\u2581" ? "chatglm3" : undefined;
  }
  const wanted = new Set(["[gMASK]", "<sop>", "<n>", "<|tab|>", "<|blank_80|>"]);
  for (const { piece, type } of pieces) if (type === "control" || type === "user-defined") wanted.delete(piece);
  return wanted.size === 0 ? "chatglm-6b" : undefined;
}
