/**
 * Regular expressions of adapter files, written for Python's `re`. They come from strangers, and some expressions take
 * longer than the age of the universe, so only those that backtrack a bounded number of ways are accepted.
 */
import { CongError } from "../support/errors.ts";

const longestPattern = 4000;

// A name has some sixty characters: n unbounded repeats try at most 60^n / n! ways.
const mostRepeats = 5;

/**
 * A test for whole names ("full", Python's fullmatch) or for their ends after a dot ("end", PEFT's rank patterns).
 * @throws CongError `BAD_CONFIG` for expressions that JavaScript reads otherwise, or that may run without end
 */
export function modulePattern(pattern: string, where: "full" | "end"): (name: string) => boolean {
  const reason = objection(pattern);
  if (reason !== undefined) throw refused(pattern, reason);
  const source = where === "full" ? `^(?:${pattern})$` : `^(?:.*\\.)?(?:${pattern})$`;
  try {
    const expression = new RegExp(source);
    return (name) => expression.test(name);
  } catch (error) {
    throw refused(pattern, error instanceof Error ? error.message : String(error));
  }
}

function objection(pattern: string): string | undefined {
  if (pattern.length > longestPattern) return `it has ${pattern.length} characters, the limit is ${longestPattern}`;
  // Python's own spellings, which JavaScript reads as something else or not at all, and references to groups.
  if (/\\[AZ1-9]|\(\?(?:P|[aiLmsux-]|\()/.test(pattern)) return "it uses what only Python's expressions have";
  let repeats = 0;
  // For each open group, whether what it holds may match in several ways.
  const open: boolean[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === "\\") at++;
    else if (character === "[") at = classEnd(pattern, at);
    else if (character === "(") open.push(false);
    else if (character === "|") open.fill(true);
    else if (isUnbounded(pattern, at)) {
      repeats++;
      open.fill(true);
    } else if (character === ")" && open.pop() === true && isRepeated(pattern, at + 1)) {
      return "it repeats a group that can match in several ways";
    }
  }
  return repeats > mostRepeats ? `it has ${repeats} unbounded repeats, the limit is ${mostRepeats}` : undefined;
}

const isUnbounded = (pattern: string, at: number): boolean => /^(?:[*+]|\{\d*,\d*\})/.test(pattern.slice(at, at + 20));

const isRepeated = (pattern: string, at: number): boolean => /^[*+{]/.test(pattern.slice(at, at + 1));

function classEnd(pattern: string, start: number): number {
  for (let at = start + 1; at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "]") return at;
  }
  return pattern.length;
}

function refused(pattern: string, reason: string): CongError {
  return new CongError(
    "BAD_CONFIG",
    `the expression ${JSON.stringify(pattern.slice(0, 200))} cannot be used: ${reason}`,
    { pattern },
    "list the names of the modules instead",
  );
}
