/**
 * Tokens for TER, after Tercom's Normalizer as sacreBLEU has it. By default texts are cut at white space and lower-cased.
 */
import { splitSpace } from "./text-units.ts";

export interface TerTokenOptions {
  /** Separate punctuation, and with `asian` Chinese and Japanese characters. Default false. */
  readonly normalized?: boolean;
  /** Keep punctuation. Default true. */
  readonly punctuation?: boolean;
  /** Treat Chinese and Japanese characters and marks; takes effect with `normalized` or without punctuation. */
  readonly asian?: boolean;
  readonly caseSensitive?: boolean;
}

const asianMarks = /([\u3001\u3002\u3008-\u3011\u3014-\u301f\uff61-\uff65\u30fb])/gu;
const wideMarks = /([\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09])/gu;

export function terTokens(text: string, options: TerTokenOptions = {}): string[] {
  const { normalized = false, punctuation = true, asian = false, caseSensitive = false } = options;
  let words = caseSensitive ? text : text.toLowerCase();
  if (normalized) {
    words = separateWestern(words);
    if (asian) words = separateAsian(words);
  }
  if (!punctuation) {
    words = words.replace(/[.,?:;!"()]/g, "");
    if (asian) words = words.replace(asianMarks, "").replace(wideMarks, "");
  }
  return splitSpace(words);
}

function separateWestern(text: string): string {
  const joined = text
    .replaceAll("\n-", "")
    .replaceAll("\n", " ")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">");
  return ` ${joined} `
    .replace(/([{-~[-` -&(-+:-@/])/gu, " $1 ")
    .replace(/'s /g, " 's ")
    .replace(/'s$/g, " 's")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/gu, "$1 $2 ");
}

/** The range 3200 to 3F22 and the anchors in front of kana stand so in the original; scores depend on them. */
function separateAsian(text: string): string {
  return text
    .replace(/([\u4e00-\u9fff\u3400-\u4dbf])/gu, " $1 ")
    .replace(/([\u31c0-\u31ef\u2e80-\u2eff])/gu, " $1 ")
    .replace(/([\u3300-\u33ff\uf900-\ufaff\ufe30-\ufe4f])/gu, " $1 ")
    .replace(/([\u3200-\u3f22])/gu, " $1 ")
    .replace(/(^|^[\u3040-\u309f])([\u3040-\u309f]+)(?=$|^[\u3040-\u309f])/gu, "$1 $2 ")
    .replace(/(^|^[\u30a0-\u30ff])([\u30a0-\u30ff]+)(?=$|^[\u30a0-\u30ff])/gu, "$1 $2 ")
    .replace(/(^|^[\u31f0-\u31ff])([\u31f0-\u31ff]+)(?=$|^[\u31f0-\u31ff])/gu, "$1 $2 ")
    .replace(asianMarks, " $1 ")
    .replace(wideMarks, " $1 ");
}
