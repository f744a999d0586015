/**
 * Keeps text of people apart from text of the template while Jinja mixes them.
 *
 * In every text that comes from a message or a tool, each character that begins a special token (`<`, `[`, …) is replaced
 * by a private character which occurs nowhere else. Rendering leaves these shadows alone, whether the template trims,
 * splits, cuts or writes JSON, so in the result a special token can only be one that the template wrote, even when pieces
 * of text are joined. Afterwards the shadows turn back into their characters, in text that never becomes a token.
 *
 * In assistant messages, the tags of thoughts and tool calls stay readable, because templates take them apart.
 */
import { CongError } from "../../../support/index.ts";

export interface Shadows {
  /** Hides what begins a special token; `keep` are tokens that stay readable. */
  hide(text: string, keep?: readonly string[]): string;
  reveal(text: string): string;
  /** Whether revealing makes a special token that stands in `text` not already as such. */
  wouldMakeToken(text: string): boolean;
}

const firstPrivate = 0xe000;
const lastPrivate = 0xf8ff;

/**
 * `taken` are all texts of this rendering: a shadow must not occur in any of them, in letters or as a JSON escape.
 * `alsoHidden` are further characters to hide, whether a token begins with them or not.
 */
export function createShadows(
  specialTokens: Iterable<string>,
  taken: readonly string[],
  alsoHidden: readonly string[] = [],
): Shadows {
  const initials = new Set(alsoHidden);
  const tokens = [...specialTokens].filter((token) => token !== "");
  for (const token of tokens) {
    const initial = String.fromCodePoint(token.codePointAt(0) ?? 0x20);
    // White space opens no turn, and hiding it would keep templates from trimming.
    if (/[^\s"\\]/u.test(initial)) initials.add(initial);
  }
  const all = taken.join("\n");
  const escapes = new Set(
    Array.from(all.matchAll(/\\u([ef][\da-f]{3})/gi), (match) => (match[1] as string).toLowerCase()),
  );
  const letters = new Set(all);
  const shadowOf = new Map<string, string>();
  const initialOf = new Map<string, string>();
  let code = firstPrivate;
  for (const initial of initials) {
    while (letters.has(String.fromCharCode(code)) || escapes.has(code.toString(16))) code++;
    if (code > lastPrivate) {
      throw new CongError(
        "PRIVATE_CHARACTERS_USED_UP",
        "the conversation uses nearly all private characters of Unicode, so its text cannot be kept apart from the template's",
        {},
        "remove private-use characters from the messages",
      );
    }
    const shadow = String.fromCharCode(code++);
    shadowOf.set(initial, shadow);
    initialOf.set(shadow, initial);
    initialOf.set(`\\u${shadow.charCodeAt(0).toString(16)}`, initial);
  }
  if (shadowOf.size === 0) return { hide: (text) => text, reveal: (text) => text, wouldMakeToken: () => false };
  const initialPattern = new RegExp(`[${[...shadowOf.keys()].map(escapePattern).join("")}]`, "gu");
  const shadowPattern = new RegExp([...initialOf.keys()].map(escapePattern).join("|"), "gu");
  const reveal = (text: string) => text.replace(shadowPattern, (shadow) => initialOf.get(shadow) ?? shadow);
  return {
    hide(text, keep = []) {
      // Kept tokens are matched first and whole: `/` inside `</think>` may begin a token, too.
      const pattern = new RegExp([...keep.map(escapePattern), initialPattern.source].join("|"), "gu");
      return text.replace(pattern, (found) => shadowOf.get(found) ?? found);
    },
    reveal,
    wouldMakeToken(text) {
      const revealed = reveal(text);
      if (revealed === text) return false;
      // An escape is longer than its character: positions are no longer the same, so nothing can be said.
      if (revealed.length !== text.length) return true;
      return tokens.some((token) => {
        for (let at = revealed.indexOf(token); at >= 0; at = revealed.indexOf(token, at + 1)) {
          if (!text.startsWith(token, at)) return true;
        }
        return false;
      });
    },
  };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
