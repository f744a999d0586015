/**
 * Ends a text at the first stop string, also when it arrives in pieces. Text that could be the beginning of a stop string
 * is held back until it is clear, so that a stream never shows part of one.
 */
import { CongError } from "../support/errors.ts";

export interface StopMatcher {
  /** Takes more text; returns what is safe to show. */
  push(text: string): string;
  /** What was held back, at the end of the text. */
  finish(): string;
  /** The stop string that ended the text. */
  readonly found: string | undefined;
}

/** @throws CongError `BAD_ARGUMENT` for an empty stop string */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  if (stops.includes("")) {
    throw new CongError(
      "BAD_ARGUMENT",
      "stop: a stop string is empty",
      { stops },
      "leave it out, or give it some text",
    );
  }
  const longest = Math.max(0, ...stops.map((stop) => stop.length));
  let held = "";
  let found: string | undefined;
  return {
    push(text) {
      if (found !== undefined) return "";
      const all = held + text;
      const first = firstMatch(all, stops);
      if (first !== undefined) {
        found = first.stop;
        held = "";
        return all.slice(0, first.at);
      }
      held = all.slice(all.length - heldLength(all, stops, longest));
      return all.slice(0, all.length - held.length);
    },
    finish() {
      const rest = held;
      held = "";
      return rest;
    },
    get found() {
      return found;
    },
  };
}

/** The stop string that is complete first; of two that end together, the longer. */
function firstMatch(text: string, stops: readonly string[]): { at: number; stop: string } | undefined {
  let first: { at: number; stop: string } | undefined;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at < 0) continue;
    const later = first === undefined ? Infinity : first.at + first.stop.length;
    const end = at + stop.length;
    if (end < later || (end === later && at < first!.at)) first = { at, stop };
  }
  return first;
}

/** Length of the longest end of the text with which a stop string begins. */
function heldLength(text: string, stops: readonly string[], longest: number): number {
  for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
    const end = text.slice(text.length - length);
    if (stops.some((stop) => stop.startsWith(end))) return length;
  }
  return 0;
}
