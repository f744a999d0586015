/**
 * Tokens found in the text itself before any model looks at it: special tokens, and others that were added to a vocabulary later.
 *
 * The leftmost one wins, the longest of those that start together. Which tokens count is the caller's decision for every text: a special
 * token that nobody asked for is plain text.
 */
import { whiteSpace } from "../pattern/index.ts";

export interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly special: boolean;
  /** Only where no word character stands before or after it. */
  readonly singleWord: boolean;
  /** Swallows white space before it, or after it. */
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
  /** Looked for in the normalised text, not in the text as typed. */
  readonly normalized: boolean;
}

/** A stretch of the text: an added token, or text (id undefined). */
export interface Segment {
  readonly text: string;
  readonly id: number | undefined;
}

/** Cuts a text at the added tokens. Stretches of text between them are never empty. */
export type SegmentFinder = (text: string) => Segment[];

const wordBefore = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]$/u;
const wordAfter = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]/u;
const space = new RegExp(`[${whiteSpace}]`, "u");

/** @param contents how each token is spelled in the text searched; tokens with an empty spelling are never found */
export function segmentFinder(
  tokens: readonly AddedToken[],
  contents = tokens.map(({ content }) => content),
): SegmentFinder {
  // The tokens by their first UTF-16 unit, the longest first, as the longest wins.
  const byFirst = new Map<number, { content: string; token: AddedToken }[]>();
  tokens.forEach((token, i) => {
    const content = contents[i]!;
    if (content === "") return;
    const first = content.charCodeAt(0);
    byFirst.set(first, [...(byFirst.get(first) ?? []), { content, token }]);
  });
  for (const list of byFirst.values()) list.sort((a, b) => b.content.length - a.content.length);
  const starts = [...byFirst.keys()].map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  if (starts === "") return (text) => (text === "" ? [] : [{ text, id: undefined }]);
  const start = new RegExp(`[${starts}]`, "g");

  return (text) => {
    const segments: Segment[] = [];
    let done = 0;
    start.lastIndex = 0;
    for (let hit = start.exec(text); hit !== null; hit = start.exec(text)) {
      const { index } = hit;
      const found = byFirst.get(text.charCodeAt(index))!.find(({ content }) => text.startsWith(content, index));
      if (found === undefined) continue;
      const end = index + found.content.length;
      start.lastIndex = end;
      const { token } = found;
      // The lookbehind needs at most one surrogate pair of context.
      if (
        token.singleWord &&
        (wordBefore.test(text.slice(Math.max(0, index - 2), index)) || wordAfter.test(text.slice(end, end + 2)))
      ) {
        continue;
      }
      let from = index;
      while (token.leftStrip && from > done && space.test(text[from - 1]!)) from--;
      let to = end;
      while (token.rightStrip && to < text.length && space.test(text[to]!)) to++;
      from = Math.max(from, done);
      if (from > done) segments.push({ text: text.slice(done, from), id: undefined });
      segments.push({ text: text.slice(from, to), id: token.id });
      done = to;
    }
    if (done < text.length) segments.push({ text: text.slice(done), id: undefined });
    return segments;
  };
}
