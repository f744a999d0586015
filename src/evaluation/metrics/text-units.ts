/**
 * Cutting texts into tokens the way sacreBLEU 2 does: `13a`, `zh`, `intl`, `char`, `none`. Scores compare only when the
 * tokenizer is the same, so its name is part of every signature.
 * Source of the rules: sacreBLEU (Post 2018), after mteval-v13a.pl and mteval-v14.pl.
 */
import { pick } from "../../support/index.ts";

export type BleuTokenizer = "13a" | "zh" | "intl" | "char" | "none";

const tokenizers: Readonly<Record<BleuTokenizer, (text: string) => string>> = {
  none: (text) => text,
  char: (text) => [...text].join(" "),
  "13a": (text) => separateWestern(` ${unescapeEntities(text)} `),
  zh: (text) =>
    separateWestern([...stripSpace(text)].map((letter) => (isChinese(letter) ? ` ${letter} ` : letter)).join("")),
  intl: (text) =>
    text
      .replace(/(\P{N})(\p{P})/gu, "$1 $2 ")
      .replace(/(\p{P})(\P{N})/gu, " $1 $2")
      .replace(/(\p{S})/gu, " $1 "),
};

/** Tokens of a text. Throws `UNKNOWN_NAME` for another tokenizer's name. */
export function bleuTokens(text: string, tokenizer: BleuTokenizer, lowercase = false): string[] {
  const tokenize = pick("BLEU tokenizer", tokenizers, tokenizer);
  const source = text.replace(spaceAtEnd, "");
  return splitSpace(tokenize(lowercase ? source.toLowerCase() : source));
}

/** White space as Python sees it. JavaScript's class lacks the four separators and NEL, and has the byte-order mark. */
const space = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const spaceAtEnd = new RegExp(`[${space}]+$`, "u");
const spaceAtEnds = new RegExp(`^[${space}]+|[${space}]+$`, "gu");
const words = new RegExp(`[^${space}]+`, "gu");

export function stripSpace(text: string): string {
  return text.replace(spaceAtEnds, "");
}

/** Python's `text.split()`. */
export function splitSpace(text: string): string[] {
  return text.match(words) ?? [];
}

function unescapeEntities(text: string): string {
  return text
    .replaceAll("<skipped>", "")
    .replaceAll("-\n", "")
    .replaceAll("\n", " ")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">");
}

/** Punctuation apart from words; point and comma only where no digit stands on that side; a dash after a digit. */
function separateWestern(text: string): string {
  return text
    .replace(/([{-~[-` -&(-+:-@/])/gu, " $1 ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/gu, "$1 $2 ");
}

/**
 * Code points that `zh` separates. The range from 2001 to 2A6D stands in the original as five-digit escapes for Extension
 * B that Python reads as four digits: curly quotes, dashes and arrows are separated instead. Scores depend on it.
 */
const chineseRanges: readonly (readonly [number, number])[] = [
  [0x3400, 0x4db5],
  [0x4e00, 0x9fa5],
  [0x9fa6, 0x9fbb],
  [0xf900, 0xfa2d],
  [0xfa30, 0xfa6a],
  [0xfa70, 0xfad9],
  [0x2001, 0x2a6d],
  [0x2f81, 0x2fa1],
  [0xff00, 0xffef],
  [0x2e80, 0x2eff],
  [0x3000, 0x303f],
  [0x31c0, 0x31ef],
  [0x2f00, 0x2fdf],
  [0x2ff0, 0x2fff],
  [0x3100, 0x312f],
  [0x31a0, 0x31bf],
  [0xfe10, 0xfe1f],
  [0xfe30, 0xfe4f],
  [0x3200, 0x32ff],
  [0x3300, 0x33ff],
];

function isChinese(letter: string): boolean {
  const code = letter.codePointAt(0) ?? 0;
  return chineseRanges.some(([low, high]) => code >= low && code <= high);
}
