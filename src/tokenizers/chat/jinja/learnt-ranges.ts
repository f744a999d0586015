/**
 * The loss mask of a conversation that a Jinja template wrote. The template does not say which part is whose, so it is asked
 * again: with other words in a message, or with the message left out. All positions are in the text that holds shadows.
 */
import { CongError } from "../../../support/index.ts";
import type { ChatMessage } from "../message.ts";
import type { Segment } from "../segment.ts";
import type { Shadows } from "./shadow.ts";

/** A text that no message contains: hidden, it is a private character. It must start a shadow, so `<` is always one. */
export const sentinelInitial = "<";
const sentinel = sentinelInitial.repeat(8);

export type Range = readonly [from: number, to: number];

type Write = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;

/** Which parts of the rendered text the assistant wrote, each with the special token behind it. */
export function learntRanges(
  messages: readonly ChatMessage[],
  text: string,
  pieces: readonly Segment[],
  write: Write,
  shadows: Shadows,
): Range[] {
  return messages.flatMap((message, index) => {
    if (message.role !== "assistant" || message.loss === false) return [];
    const range =
      rangeByDifference(messages, index, text, pieces, write, shadows) ??
      rangeByLength(messages, index, text, pieces, write);
    return [wholeTokens(range, pieces)];
  });
}

/** A range that begins or ends inside a special token (`<think>` and `</think>` begin alike) takes in all of it. */
function wholeTokens([from, to]: Range, pieces: readonly Segment[]): Range {
  let [start, end] = [from, to];
  let at = 0;
  for (const piece of pieces) {
    const next = at + piece.text.length;
    if (piece.kind === "special" && at < from && from < next) start = at;
    if (piece.kind === "special" && at < to && to < next) end = next;
    at = next;
  }
  return [start, end];
}

/**
 * The conversation is rendered again with other words in this message; where the two texts part and meet again, the
 * message begins and ends. Undefined where the template refuses the other words.
 */
function rangeByDifference(
  messages: readonly ChatMessage[],
  index: number,
  text: string,
  pieces: readonly Segment[],
  write: Write,
  shadows: Shadows,
): Range | undefined {
  const other = orUndefined(() => write(messages.with(index, { role: "assistant", content: sentinel }), false));
  if (other === undefined) return undefined;
  const hidden = shadows.hide(sentinel);
  const at = other.indexOf(hidden);
  if (at < 0) throw notFound(index);
  const rest = other.slice(at + hidden.length);
  let from = Math.min(at, commonPrefix(text, other));
  const to = endOfLearnt(text, pieces, text.length - commonSuffix(text, rest, from));
  // Thoughts that this message brings are learnt with their tags, as far as the prompt does not open them.
  const prompt = orUndefined(() => write(messages.slice(0, index), true));
  const thinks = (messages[index]?.reasoning_content ?? "") !== "" || text.slice(from, to).includes("</think>");
  if (thinks && prompt !== undefined && text.startsWith(prompt)) from = Math.min(from, prompt.length);
  return [from, to];
}

/** For templates that check whose turn it is: what the text grows by when the message is added to those before it. */
function rangeByLength(
  messages: readonly ChatMessage[],
  index: number,
  text: string,
  pieces: readonly Segment[],
  write: Write,
): Range {
  const before = write(messages.slice(0, index), true);
  const after = write(messages.slice(0, index + 1), false);
  if (!after.startsWith(before) || !text.startsWith(after)) throw notFound(index);
  let at = 0;
  let closed: number | undefined;
  for (const piece of pieces) {
    at += piece.text.length;
    if (piece.kind === "special" && at <= after.length && text.slice(at, after.length).trim() === "") closed = at;
  }
  return [before.length, closed ?? endOfLearnt(text, pieces, after.length)];
}

function orUndefined(render: () => string): string | undefined {
  try {
    return render();
  } catch (error) {
    if (CongError.is(error)) return undefined;
    throw error;
  }
}

function notFound(index: number): CongError {
  return new CongError(
    "TEMPLATE_HIDES_ANSWERS",
    `where the chat template writes message ${index} cannot be told, so it cannot be learnt`,
    { index },
    "leave that turn out with loss: false, or train with another template",
  );
}

/** With the special token that follows directly, which is how the turn ends. */
function endOfLearnt(text: string, pieces: readonly Segment[], to: number): number {
  let at = 0;
  for (const piece of pieces) {
    const isNext = piece.kind === "special" && at >= to && text.slice(to, at).trim() === "";
    at += piece.text.length;
    if (isNext) return at;
  }
  return to;
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Letters that `a` and `b` end with alike; at most what stands in `a` behind `from`. */
function commonSuffix(a: string, b: string, from: number): number {
  let length = 0;
  while (length < a.length - from && length < b.length && a[a.length - 1 - length] === b[b.length - 1 - length])
    length++;
  return length;
}
