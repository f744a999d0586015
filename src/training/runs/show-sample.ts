/** A training sample as people read it: its tokens as text, and which of them the model is asked to write. */
import type { Tokenizer } from "../../tokenizers/index.ts";
import { ignored, type Sample } from "../objectives/samples.ts";

export interface SampleSegment {
  readonly text: string;
  readonly isAsked: boolean;
}

/**
 * Stretches of a sample in order. A token is asked for where the one before it has it as its target; a target that the
 * input does not show (the end of a blank, what stands under a mask) follows its place.
 */
export function sampleSegments({ ids, targets }: Sample, tokenizer: Tokenizer): SampleSegment[] {
  const tokens = ids.flatMap((id, i) => {
    const target = targets[i]!;
    const shown = { id, isAsked: i > 0 && targets[i - 1] === id };
    const isHidden = target !== ignored && target !== ids[i + 1];
    return isHidden ? [shown, { id: target, isAsked: true }] : [shown];
  });
  const segments: SampleSegment[] = [];
  for (let at = 0; at < tokens.length; ) {
    const { isAsked } = tokens[at]!;
    let end = at;
    while (end < tokens.length && tokens[end]!.isAsked === isAsked) end++;
    const run = tokens.slice(at, end).map(({ id }) => id);
    segments.push({ text: tokenizer.decode(run, { skipSpecialTokens: false }), isAsked });
    at = end;
  }
  return segments;
}

/** As one text: what is asked for in green on a terminal, else in ⟦ ⟧. */
export function showSample(sample: Sample, tokenizer: Tokenizer, hasColour: boolean): string {
  const [open, close] = hasColour ? ["\u001b[32m", "\u001b[0m"] : ["⟦", "⟧"];
  return sampleSegments(sample, tokenizer)
    .map(({ text, isAsked }) => (isAsked ? `${open}${text}${close}` : text))
    .join("");
}
