/**
 * The tokenizer of the original Chinese GLM (`cog-pretrain.model`, a BPE file of 50,000 pieces).
 *
 * Its command tokens stand after the pieces, from n = number of pieces: <|endoftext|> (also the padding), [SEP], [CLS],
 * [MASK], [UNK], then a gap of one, <|startofpiece|>, <|endofpiece|>, and the two long masks, whose order was swapped
 * between releases. A line break is the piece `<n>`. Source: THUDM/GLM data_utils/tokenization.py.
 */
import { parseSentencePieceModel, type SentencePieceModel, sentencePieceTokenizer } from "../sentencepiece/index.ts";
import type { Tokenizer } from "../tokenizer.ts";

export interface GlmChineseOptions {
  /** Which long mask comes first: [sMASK] with the original's `fix_command_token`, [gMASK] without. Default "[sMASK]". */
  readonly firstMask?: "[sMASK]" | "[gMASK]";
}

/** Makes the tokenizer; encoding adds no tokens by itself. Throws what `parseSentencePieceModel` throws. */
export function glmChineseTokenizer(
  source: SentencePieceModel | Uint8Array,
  options: GlmChineseOptions = {},
): Tokenizer {
  const { firstMask = "[sMASK]" } = options;
  const model = source instanceof Uint8Array ? parseSentencePieceModel(source) : source;
  const n = model.pieces.length;
  const added = new Map([
    ["<|endoftext|>", n],
    ["[SEP]", n + 1],
    ["[CLS]", n + 2],
    ["[MASK]", n + 3],
    ["[UNK]", n + 4],
    ["<|startofpiece|>", n + 6],
    ["<|endofpiece|>", n + 7],
    [firstMask, n + 8],
    [firstMask === "[sMASK]" ? "[gMASK]" : "[sMASK]", n + 9],
    ["[dBLOCK]", n + 10],
  ]);
  return sentencePieceTokenizer(model, {
    added,
    ids: { end: n, pad: n, unknown: n + 4, mask: n + 3 },
    prepare: (text) => text.replaceAll("\n", "<n>"),
    restore: (text) => text.replaceAll("<n>", "\n"),
  });
}
