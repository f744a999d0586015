/** Small parts that reply parsers are made of: text without outer white space, and the search for a mark that may be cut in two. */

/**
 * Passes text on without white space at its two ends: the start is skipped, and white space is held back until something
 * follows it. `reset` forgets what is held back and begins a new text.
 */
export interface TrimmedText {
  push(text: string): string;
  reset(): void;
}

export function trimmedText(): TrimmedText {
  let started = false;
  let held = "";
  return {
    push(text) {
      let fresh = held + text;
      if (!started) fresh = fresh.trimStart();
      const certain = fresh.trimEnd();
      held = started || certain !== "" ? fresh.slice(certain.length) : "";
      started ||= certain !== "";
      return certain;
    },
    reset() {
      started = false;
      held = "";
    },
  };
}

/** Where `mark` begins in `text`, or where a beginning of it stands at the very end; `text.length` when there is neither. */
export function markPosition(text: string, mark: string): { at: number; complete: boolean } {
  const at = text.indexOf(mark);
  if (at >= 0) return { at, complete: true };
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return { at: text.length - length, complete: false };
  }
  return { at: text.length, complete: false };
}
