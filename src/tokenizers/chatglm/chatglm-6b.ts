/**
 * The tokenizer of ChatGLM-6B (`ice_text.model`): a unigram model that has pieces of its own for layout.
 *
 * - Before encoding, a line break becomes `<n>`, a tab `<|tab|>`, and n spaces in a row (2 to 80) `<|blank_n|>`. These
 *   are user-defined pieces, so a text that spells one of them gets it too: they are layout, not control.
 * - A prompt ends with [gMASK] <sop>, and the model fills that blank. Where the text holds a mask already, only <sop>
 *   follows.
 * - The normaliser has turned full-width punctuation into half-width. `decode` turns it back next to Chinese characters,
 *   as the released chat code does, unless told to leave it.
 * - Ids are those of the current release. The first one counted text tokens from 20,000, after image tokens.
 *
 * Sources: tokenization_chatglm.py and modeling_chatglm.py of the released model.
 */
import { CongError } from "../../support/errors.ts";
import { parseSentencePieceModel, type SentencePieceModel, sentencePieceTokenizer } from "../sentencepiece/index.ts";
import type { Tokenizer } from "../tokenizer.ts";

export interface ChatGlm6bOptions {
  /** What `decode` does to `, ! : ; ?` next to a Chinese character. Default "full-width". */
  readonly punctuation?: "full-width" | "as-is";
}

const blankPattern = / {2,80}/g;
const blankPiecePattern = /<\|blank_(\d+)\|>/g;
const longestBlank = 80;

/** Half-width marks that Chinese text writes in full width. */
const marks: readonly (readonly [half: string, full: string])[] = [
  [",", "，"],
  ["!", "！"],
  [":", "："],
  [";", "；"],
  ["\\?", "？"],
];
const markPatterns = marks.map(
  ([half, full]) => [new RegExp(`(?<=[\\u4e00-\\u9fff])${half}|${half}(?=[\\u4e00-\\u9fff])`, "g"), full] as const,
);

/**
 * Makes the tokenizer from `ice_text.model`. Throws CongError SENTENCEPIECE_INVALID for a damaged file and WRONG_MODEL for
 * one that lacks ChatGLM-6B's pieces.
 */
export function chatGlm6bTokenizer(source: SentencePieceModel | Uint8Array, options: ChatGlm6bOptions = {}): Tokenizer {
  const { punctuation = "full-width" } = options;
  const model = source instanceof Uint8Array ? parseSentencePieceModel(source) : source;
  const idOf = (wanted: string): number => {
    const id = model.pieces.findIndex(({ piece }) => piece === wanted);
    if (id >= 0) return id;
    throw new CongError(
      "WRONG_MODEL",
      `ChatGLM-6B tokenizer: the model has no piece "${wanted}"`,
      { wanted, pieces: model.pieces.length },
      "give ice_text.model of ChatGLM-6B; ChatGLM2 and ChatGLM3 have another tokenizer",
    );
  };
  for (const piece of ["<n>", "<|tab|>", "<|blank_2|>", `<|blank_${longestBlank}|>`]) idOf(piece);
  const masks = ["[MASK]", "[gMASK]", "[sMASK]"].map(idOf);
  const blank = idOf("[gMASK]");
  const begin = idOf("<sop>");
  return sentencePieceTokenizer(model, {
    ids: { begin, end: idOf("<eop>"), pad: idOf("<pad>"), unknown: idOf("<unk>"), mask: idOf("[MASK]") },
    prepare: writeLayout,
    restore: punctuation === "full-width" ? (text) => widenPunctuation(readLayout(text)) : readLayout,
    surround: (ids) => (ids.some((id) => masks.includes(id)) ? [...ids, begin] : [...ids, blank, begin]),
  });
}

const writeLayout = (text: string): string =>
  text
    .replaceAll("\n", "<n>")
    .replaceAll("\t", "<|tab|>")
    .replace(blankPattern, (spaces) => `<|blank_${spaces.length}|>`);

const readLayout = (text: string): string =>
  text
    .replaceAll("<n>", "\n")
    .replaceAll("<|tab|>", "\t")
    .replace(blankPiecePattern, (piece, digits: string) => {
      const length = Number(digits);
      // Only the spellings that are pieces; `<|blank_02|>` is text.
      return length >= 2 && length <= longestBlank && String(length) === digits ? " ".repeat(length) : piece;
    });

/** `, ! : ; ?` next to a Chinese character (U+4E00 to U+9FFF) in full width. */
export const widenPunctuation = (text: string): string =>
  markPatterns.reduce((wide, [pattern, full]) => wide.replace(pattern, full), text);

/** What ChatGLM-6B's chat code makes of a reply: trimmed, the date of its training filled in, Chinese punctuation. */
export const chatGlm6bReply = (text: string): string =>
  widenPunctuation(text.trim().replaceAll("[[训练时间]]", "2023年"));
