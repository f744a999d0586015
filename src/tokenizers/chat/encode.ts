/** Segments to ids, with the loss mask. The only place where text of a conversation meets the tokenizer. */
import { CongError, unknownName } from "../../support/index.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { type RenderedChat, type Segment, segmentsText } from "./segment.ts";

export interface EncodedChat {
  readonly ids: number[];
  /** For every id: the assistant must learn to write it. */
  readonly learn: boolean[];
}

/**
 * Encodes a rendered conversation. Text is encoded with special tokens switched off; special tokens are looked up by name.
 *
 * @throws CongError `MISSING_SPECIAL_TOKEN` when the tokenizer lacks a token of the template: they don't belong together
 */
export function encodeChat(tokenizer: Tokenizer, rendered: RenderedChat): EncodedChat {
  if (rendered.texts === "whole" && rendered.segments.every((segment) => !segment.learn)) {
    const text = segmentsText(rendered.segments);
    const ids = [...tokenizer.encode(text, { addSpecialTokens: false, special: "all" })];
    return { ids, learn: ids.map(() => false) };
  }
  const ids: number[] = [];
  const learn: boolean[] = [];
  let text = "";
  let learning = false;
  const flush = () => {
    if (text === "") return;
    for (const id of tokenizer.encode(text, { addSpecialTokens: false, special: "none" })) {
      ids.push(id);
      learn.push(learning);
    }
    text = "";
  };
  for (const segment of rendered.segments) {
    const id = specialId(tokenizer, segment);
    if (id === undefined) {
      // A text that is learnt is encoded apart from its prompt, as it is when the model writes it.
      if (rendered.texts === "apart" || segment.learn !== learning) flush();
      learning = segment.learn;
      text += segment.text;
    } else {
      flush();
      ids.push(id);
      learn.push(segment.learn);
    }
  }
  flush();
  return { ids, learn };
}

/** The id of a segment that is one token; undefined for text. */
function specialId(tokenizer: Tokenizer, segment: Segment): number | undefined {
  if (segment.kind === "text") return undefined;
  const id = segment.kind === "end" ? tokenizer.ids.end : tokenizer.specialTokens.get(segment.text);
  if (id !== undefined || segment.kind === "marker") return id;
  if (segment.kind === "end") {
    throw new CongError(
      "MISSING_SPECIAL_TOKEN",
      "the tokenizer names no end-of-text token, which the chat template needs",
      { token: "end" },
      "use the tokenizer and the template of the same model",
    );
  }
  throw new CongError(
    "MISSING_SPECIAL_TOKEN",
    `the chat template writes ${segment.text}, which this tokenizer does not have`,
    { token: segment.text },
    `use the template of this tokenizer's own generation (${unknownName("token", segment.text, tokenizer.specialTokens.keys()).hint})`,
  );
}
