/**
 * Rules that tell text from what is not worth learning. After Gopher (Rae et al. 2021, appendix A.1.1) and C4 (Raffel et al. 2020,
 * section 2.2), which count words of English; here characters are counted, with a Chinese word taken as 1.6 characters.
 *
 * Presets: `light` for curated texts, which may be as short as a poem; `web` for crawled pages; `answers` for conversations, where "42" or
 * a page of code is a good answer and only broken or endlessly repeated text is not.
 */
import { checkRange, pick } from "../../support/index.ts";
import { characterClass } from "../character-classes.ts";
import { repetition } from "./repetition.ts";

export interface QualityRules {
  /** Fewest characters that are not spaces. Gopher: 50 words. */
  readonly minimumCharacters: number;
  /** Most characters. Gopher: 100,000 words. */
  readonly maximumCharacters: number;
  /** Least share of letters (Han and all others) among visible characters. Gopher: 80 % of the words have a letter; guess for Chinese. */
  readonly minimumLetters: number;
  /** Largest share of digits; a guess. */
  readonly maximumDigits: number;
  /** Largest share of symbols, # and … included. Gopher: 0.1 of "#" and "…" to words. */
  readonly maximumSymbols: number;
  /** Longest run of one character, as a share of the text, when it is longer than 10; a guess. */
  readonly maximumRun: number;
  /** Largest share of lines, and of characters in lines, that stood before (from four lines on). Gopher: 0.30 and 0.20. */
  readonly maximumRepeatedLines: number;
  readonly maximumRepeatedLineCharacters: number;
  /** Largest share of lines that begin with a bullet, or end with an ellipsis (from five lines on). Gopher: 0.9 and 0.3. */
  readonly maximumBulletLines: number;
  readonly maximumEllipsisLines: number;
  /** Largest share covered by the commonest 4-gram of characters. Gopher: 0.20 for 2-grams of words. */
  readonly maximumTopGram: number;
  /** Largest share covered by 10-grams of characters that stood before. Gopher: 0.15 for 5-grams of words (8 characters). */
  readonly maximumRepeatedGrams: number;
  /** Largest share of replacement characters (U+FFFD); a guess. */
  readonly maximumReplacement: number;
  /** Fewest ends of sentences. C4: 5 sentences; poems and answers have fewer. */
  readonly minimumSentences: number;
}

export const qualityPresets = {
  light: {
    minimumCharacters: 8,
    maximumCharacters: 200_000,
    minimumLetters: 0.5,
    maximumDigits: 0.4,
    maximumSymbols: 0.2,
    maximumRun: 0.2,
    maximumRepeatedLines: 0.5,
    maximumRepeatedLineCharacters: 0.5,
    maximumBulletLines: 1,
    maximumEllipsisLines: 0.5,
    maximumTopGram: 0.3,
    maximumRepeatedGrams: 0.5,
    maximumReplacement: 0.001,
    minimumSentences: 0,
  },
  answers: {
    minimumCharacters: 1,
    maximumCharacters: 200_000,
    minimumLetters: 0,
    maximumDigits: 1,
    maximumSymbols: 1,
    maximumRun: 0.5,
    maximumRepeatedLines: 0.8,
    maximumRepeatedLineCharacters: 0.8,
    maximumBulletLines: 1,
    maximumEllipsisLines: 1,
    maximumTopGram: 0.6,
    maximumRepeatedGrams: 0.8,
    maximumReplacement: 0.001,
    minimumSentences: 0,
  },
  web: {
    minimumCharacters: 80,
    maximumCharacters: 200_000,
    minimumLetters: 0.6,
    maximumDigits: 0.25,
    maximumSymbols: 0.1,
    maximumRun: 0.1,
    maximumRepeatedLines: 0.3,
    maximumRepeatedLineCharacters: 0.2,
    maximumBulletLines: 0.9,
    maximumEllipsisLines: 0.3,
    maximumTopGram: 0.2,
    maximumRepeatedGrams: 0.15,
    maximumReplacement: 0.001,
    minimumSentences: 3,
  },
} as const satisfies Readonly<Record<string, QualityRules>>;

export type QualityPreset = keyof typeof qualityPresets;

/** Checks rules that a user changed. Throws `UNKNOWN_NAME` for one there is not, `BAD_ARGUMENT` for a value out of range. */
export function checkRules(rules: QualityRules): void {
  for (const name of Object.keys(rules)) pick("quality rule", qualityPresets.light, name);
  const { minimumCharacters, maximumCharacters, minimumSentences, ...shares } = rules;
  checkRange("quality rules", { minimumCharacters, maximumCharacters, minimumSentences }, { min: 0 });
  checkRange("quality rules", shares, { min: 0, max: 1 });
}

// What GBK read as UTF-8 and the other way round looks like, and memory printed as text.
const mojibake = /锟斤拷|烫烫烫|屯屯屯|(?:Ã[\u0080-\u00bf]|â€[\u0080-\u00bf™œ]|ä¸|å›|æ–){2,}/;
const sentenceEnd = /[。！？!?…]|\.(?=\s|$)/g;

/** The first rule that a text breaks, or undefined. `counts` are its characters by class (character-classes.ts). */
export function qualityFault(text: string, counts: Uint32Array, rules: QualityRules): string | undefined {
  const at = characterClass;
  const visible = text.length - counts[at.space]! - counts[at.lineBreak]!;
  if (visible === 0) return "empty";
  if (visible < rules.minimumCharacters) return `fewer than ${rules.minimumCharacters} characters`;
  if (text.length > rules.maximumCharacters) return `more than ${rules.maximumCharacters} characters`;
  const letters = counts[at.han]! + counts[at.kana]! + counts[at.hangul]! + counts[at.latin]! + counts[at.letter]!;
  if (counts[at.digit]! > rules.maximumDigits * visible) return "too many digits";
  if (counts[at.symbol]! + counts[at.wide]! / 2 > rules.maximumSymbols * visible) return "too many symbols";
  // Rare Han characters are surrogate pairs; they count as letters where symbols were no fault.
  if (letters + counts[at.wide]! < rules.minimumLetters * visible) return "too few letters";
  if (counts[at.symbol]! > 0 && share(text, /\ufffd/g) > rules.maximumReplacement) return "broken encoding";
  if (mojibake.test(text)) return "broken encoding";
  if (rules.minimumSentences > 0 && (text.match(sentenceEnd)?.length ?? 0) < rules.minimumSentences) {
    return `fewer than ${rules.minimumSentences} sentences`;
  }
  return lineFault(text, rules) ?? repetitionFault(text, rules);
}

const share = (text: string, pattern: RegExp): number => (text.match(pattern)?.length ?? 0) / text.length;

function lineFault(text: string, rules: QualityRules): string | undefined {
  if (!text.includes("\n")) return undefined;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length < 4) return undefined;
  const seen = new Set<string>();
  let repeated = 0;
  let repeatedCharacters = 0;
  let characters = 0;
  for (const line of lines) {
    characters += line.length;
    if (seen.has(line)) {
      repeated++;
      repeatedCharacters += line.length;
    } else seen.add(line);
  }
  if (repeated > rules.maximumRepeatedLines * lines.length) return "repeated lines";
  if (repeatedCharacters > rules.maximumRepeatedLineCharacters * characters) return "repeated lines";
  if (lines.length < 5) return undefined;
  const matching = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length / lines.length;
  if (rules.maximumBulletLines < 1 && matching(/^\s*[-*•●○■□▪◆·]/) > rules.maximumBulletLines)
    return "nearly all bullets";
  return matching(/(?:…|\.\.\.|。。。)\s*$/) > rules.maximumEllipsisLines ? "lines that break off" : undefined;
}

function repetitionFault(text: string, rules: QualityRules): string | undefined {
  const { longestRun, topGram, repeatedGrams } = repetition(text);
  if (longestRun > 10 && longestRun > rules.maximumRun * text.length) return "one character repeated";
  // In a short text any refrain is a large share.
  if (text.length < 100) return undefined;
  if (topGram > rules.maximumTopGram) return "one phrase repeated";
  return repeatedGrams > rules.maximumRepeatedGrams ? "passages repeated" : undefined;
}
