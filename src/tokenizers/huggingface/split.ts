/** Cutting text where a pattern matches, with the five behaviours of Hugging Face's `SplitDelimiterBehavior`. */

/** Takes one piece of text; `atStart` is true for the piece at the very beginning of the encoded text. */
export type Emit = (piece: string, atStart: boolean) => void;
/** Cuts a piece further. Empty pieces are never handed on. */
export type Splitter = (piece: string, atStart: boolean, emit: Emit) => void;

export type SplitBehavior = "Isolated" | "Removed" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";
export const splitBehaviors: readonly SplitBehavior[] = [
  "Isolated",
  "Removed",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
];

/** A stretch of the text: where it starts and ends, and whether the pattern matched it. */
interface Stretch {
  start: number;
  end: number;
  readonly matched: boolean;
}

/** @param pattern global. `invert` treats what lies between the matches as matched. */
export function splitter(pattern: RegExp, behavior: SplitBehavior, invert = false): Splitter {
  if (behavior === "Isolated") return isolate(pattern);
  if (behavior === "Removed") return remove(pattern, invert);
  return (piece, atStart, emit) => {
    const stretches: Stretch[] = [];
    eachStretch(pattern, piece, (start, end, matched) => {
      stretches.push({ start, end, matched: matched !== invert });
    });
    for (const { start, end } of joiners[behavior](stretches)) {
      if (end > start) emit(piece.slice(start, end), atStart && start === 0);
    }
  };
}

/** Matched or not, every stretch is a piece: the way of all byte-level tokenizers, hence without intermediate lists. */
function isolate(pattern: RegExp): Splitter {
  return (piece, atStart, emit) => {
    eachStretch(pattern, piece, (start, end) => emit(piece.slice(start, end), atStart && start === 0));
  };
}

function remove(pattern: RegExp, invert: boolean): Splitter {
  return (piece, atStart, emit) => {
    eachStretch(pattern, piece, (start, end, matched) => {
      if (matched === invert) emit(piece.slice(start, end), atStart && start === 0);
    });
  };
}

/** Calls `visit` for every match and for what lies between matches, in order; never for an empty stretch. */
function eachStretch(
  pattern: RegExp,
  text: string,
  visit: (start: number, end: number, matched: boolean) => void,
): void {
  let done = 0;
  let from = 0;
  for (;;) {
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    if (match === null) break;
    const start = match.index;
    const end = start + match[0].length;
    if (start > done) visit(done, start, false);
    if (end > start) visit(start, end, true);
    done = end;
    // After an empty match the search goes on one character later.
    from = end > start ? end : end + (text.codePointAt(end)! > 0xffff ? 2 : 1);
    if (from > text.length) break;
  }
  if (done < text.length) visit(done, text.length, false);
}

const joiners: Readonly<Record<"MergedWithPrevious" | "MergedWithNext" | "Contiguous", (s: Stretch[]) => Stretch[]>> = {
  MergedWithPrevious: (stretches) => {
    const joined: Stretch[] = [];
    let previous = false;
    for (const stretch of stretches) {
      const last = joined.at(-1);
      if (stretch.matched && !previous && last !== undefined) last.end = stretch.end;
      else joined.push({ ...stretch });
      previous = stretch.matched;
    }
    return joined;
  },
  MergedWithNext: (stretches) => {
    const joined: Stretch[] = [];
    let previous = false;
    for (const stretch of stretches.toReversed()) {
      const last = joined.at(-1);
      if (stretch.matched && !previous && last !== undefined) last.start = stretch.start;
      else joined.push({ ...stretch });
      previous = stretch.matched;
    }
    return joined.reverse();
  },
  Contiguous: (stretches) => {
    const joined: Stretch[] = [];
    let previous = false;
    for (const stretch of stretches) {
      const last = joined.at(-1);
      if (stretch.matched === previous && last !== undefined) last.end = stretch.end;
      else joined.push({ ...stretch });
      previous = stretch.matched;
    }
    return joined;
  },
};
