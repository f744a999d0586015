/**
 * Where tokens stand in a text with blanks (GLM, Du et al. 2022, section 2; ChatGLM-6B): everything before the first
 * start token is seen by all; from each start token on a span is written for one mask.
 *
 * Row 0 of the positions is the place in the text with its blanks: a token of a span stands at its mask. Row 1 counts
 * inside the span from 1, and is 0 before.
 */
import { CongError } from "../support/index.ts";

export interface TextLayout {
  /** Two rows of one position a token. */
  readonly positions: readonly [readonly number[], readonly number[]];
  /** How many first tokens every token sees. */
  readonly prefixLength: number;
}

export interface BlankTokens {
  /** `<sop>`, which opens a span. */
  readonly startId: number;
  /** Mask ids in order of preference; only the first kind present in the text is counted when `oneKind`. */
  readonly maskIds: readonly number[];
  /** ChatGLM-6B looks for [gMASK] and only without it for [MASK]. */
  readonly oneKind: boolean;
}

/** @throws CongError `BAD_ARGUMENT` when the text has no start token, or fewer masks than spans */
export function blankLayout(ids: readonly number[], { startId, maskIds, oneKind }: BlankTokens): TextLayout {
  const prefixLength = ids.indexOf(startId);
  if (prefixLength < 0) {
    throw new CongError(
      "BAD_ARGUMENT",
      `the text has no start token (id ${startId})`,
      { startId, length: ids.length },
      "end the prompt with a mask and the start token, as the model's tokenizer does",
    );
  }
  const masks = maskPositions(ids.slice(0, prefixLength), maskIds, oneKind);
  const rows: [number[], number[]] = [[], []];
  let [span, inside] = [-1, 0];
  ids.forEach((id, i) => {
    if (id === startId) [span, inside] = [span + 1, 0];
    if (span >= masks.length) throw tooFewMasks(span + 1, masks.length);
    rows[0].push(span < 0 ? i : masks[span]!);
    rows[1].push(span < 0 ? 0 : ++inside);
  });
  return { positions: rows, prefixLength };
}

function maskPositions(prompt: readonly number[], maskIds: readonly number[], oneKind: boolean): number[] {
  const kinds = oneKind ? maskIds.filter((id) => prompt.includes(id)).slice(0, 1) : maskIds;
  return prompt.flatMap((id, i) => (kinds.includes(id) ? [i] : []));
}

const tooFewMasks = (spans: number, masks: number): CongError =>
  new CongError(
    "BAD_ARGUMENT",
    `the text opens ${spans} span${spans > 1 ? "s" : ""} but has ${masks} mask${masks === 1 ? "" : "s"} before`,
    { spans, masks },
    "give the prompt one mask token for each span that is to be written",
  );
