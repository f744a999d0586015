/** Unicode forms and characters that carry no text. */

export type UnicodeForm = "none" | "nfc" | "nfkc";

/**
 * Normalises. NFC puts letters and their accents together and changes nothing else one can see. NFKC also folds full-width letters and
 * digits, ligatures, circled numbers and ℃; the punctuation of Chinese (，！？：；（）…～ and so on), which NFKC would turn into ASCII, stays.
 */
export function normalizeUnicode(text: string, form: UnicodeForm): string {
  if (form === "none") return text;
  const composed = text.normalize("NFC");
  if (form === "nfc") return composed;
  return composed.replace(foldable, (run) => run.normalize("NFKC"));
}

// Runs without full-width punctuation (FF01–FF0F, FF1A–FF20, FF3B–FF40, FF5B–FF65, FFE0–FFE6), the ellipsis and the ideographic space.
const foldable = /[^\u2026\u3000\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffe6]+/g;

/** Colour codes of terminals; built from a string because they begin with a control character. */
const terminalCodes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[ -/]*[@-~]`, "g");

/**
 * Control characters (C0 and C1 except tab and line feed), soft hyphens, zero-width spaces, marks of writing direction, byte order
 * marks, noncharacters, private-use characters (icon fonts) and halves of surrogate pairs. Joiners (200C, 200D) stay: emoji and
 * several scripts need them.
 */
const invisible = new RegExp(
  "[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u0084\\u0086-\\u009f\\u00ad\\u200b\\u200e\\u200f\\u202a-\\u202e" +
    "\\u2060-\\u206f\\ue000-\\uf8ff\\ufdd0-\\ufdef\\ufeff\\ufff9-\\ufffc\\ufffe\\uffff]" +
    "|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]",
  "g",
);

const lineBreaks = /\r\n?|[\u0085\u2028\u2029]/g;

/** Takes out what is invisible, and makes every line break a line feed. */
export function removeInvisible(text: string): string {
  return text.replace(lineBreaks, "\n").replace(terminalCodes, "").replace(invisible, "");
}

const runOfSpaces = /[\t\p{Zs}]{2,}|[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;

/**
 * One plain space for a run of spaces of any width, no spaces at line ends, at most one empty line in a row. Indentation stays where it
 * is made of plain spaces and tabs (code); the ideographic spaces that open a Chinese paragraph go.
 */
export function tidyWhitespace(text: string): string {
  const lines = text.split("\n").map((line) => {
    const indentation = /^[ \t]*(?![\s\u3000\u00a0])/.exec(line)?.[0] ?? "";
    return indentation + line.slice(indentation.length).replace(runOfSpaces, " ").trim();
  });
  return lines
    .map((line) => (line.trim() === "" ? "" : line))
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .replace(/^\n+|\s+$/g, "");
}
