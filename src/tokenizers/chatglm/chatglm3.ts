/**
 * The tokenizer of ChatGLM2-6B and ChatGLM3-6B: one BPE file, `tokenizer.model`, for both, and special tokens after it.
 *
 * - `[MASK] [gMASK] [sMASK] sop eop` follow the last piece in this order; ChatGLM3 adds the four roles. None of them is
 *   ever read from plain text.
 * - A text starts with [gMASK] sop; a pair of texts ends with the file's own </s>.
 * - Every call puts a space before its text, so the parts of a conversation must be encoded one by one: an empty header
 *   line of a ChatGLM3 message is "▁", line feed. The template in `chat/` does so.
 *
 * Sources: tokenization_chatglm.py of the released models.
 */
import { parseSentencePieceModel, type SentencePieceModel, sentencePieceTokenizer } from "../sentencepiece/index.ts";
import type { Tokenizer } from "../tokenizer.ts";

const sharedTokens = ["[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"] as const;
const roleTokens = ["<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"] as const;

/** Makes ChatGLM2's tokenizer from `tokenizer.model`. Throws what `parseSentencePieceModel` throws. */
export const chatGlm2Tokenizer = (source: SentencePieceModel | Uint8Array): Tokenizer =>
  withAddedTokens(source, sharedTokens);

/** Makes ChatGLM3's tokenizer from `tokenizer.model`. Throws what `parseSentencePieceModel` throws. */
export const chatGlm3Tokenizer = (source: SentencePieceModel | Uint8Array): Tokenizer =>
  withAddedTokens(source, [...sharedTokens, ...roleTokens]);

function withAddedTokens(source: SentencePieceModel | Uint8Array, tokens: readonly string[]): Tokenizer {
  const model = source instanceof Uint8Array ? parseSentencePieceModel(source) : source;
  const first = model.pieces.length;
  const idOf = (piece: string): number => model.pieces.findIndex((row) => row.piece === piece);
  const begin = idOf(model.beginPiece);
  const end = idOf(model.endPiece);
  const unknown = model.pieces.findIndex(({ type }) => type === "unknown");
  return sentencePieceTokenizer(model, {
    added: new Map(tokens.map((token, i) => [token, first + i])),
    // The file has no padding piece; the released code pads with <unk>.
    ids: {
      ...(begin < 0 ? {} : { begin }),
      ...(end < 0 ? {} : { end }),
      pad: unknown,
      unknown,
      mask: first + tokens.indexOf("[MASK]"),
    },
    surround: (ids) => [first + tokens.indexOf("[gMASK]"), first + tokens.indexOf("sop"), ...ids],
  });
}
