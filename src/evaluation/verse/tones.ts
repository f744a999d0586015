/**
 * Level (平) and oblique (仄) tones of regulated verse, by *modern* readings: first and second tone are level, third and fourth
 * oblique. Middle Chinese had a fourth class, the entering tone, whose characters Mandarin scattered over all four; so poems that
 * are flawless in their own time break some rules here. Compare with what people's poems reach, not with 1.
 */
import { pinyin } from "pinyin-pro";
import { verseLines } from "./form.ts";

export type Tone = "level" | "oblique" | "unknown";

/** Tones of the characters of a line, read in their context. 一 and 不 keep their own tone: sandhi is not counted in verse. */
export function tonesOf(line: string): Tone[] {
  return pinyin(line, { type: "array", pattern: "num", toneSandhi: false }).map((tone) => {
    if (tone === "1" || tone === "2") return "level";
    return tone === "3" || tone === "4" ? "oblique" : "unknown";
  });
}

/**
 * The share of tonal rules that a poem of 4 or 8 lines of 5 or 7 characters keeps; undefined when no rule can be judged.
 *
 * - Positions 2, 4 (and 6) of a line alternate.
 * - The two lines of a couplet are opposite at position 2 (对), neighbours of two couplets are alike there (粘).
 * - Even lines end level, odd ones but the first end oblique.
 * - No line ends with three level tones (三平尾).
 */
export function toneScore(text: string): number | undefined {
  const lines = verseLines(text).map(tonesOf);
  const judged: boolean[] = [];
  const opposite = (a: Tone | undefined, b: Tone | undefined, wanted: boolean): void => {
    if (a === undefined || b === undefined || a === "unknown" || b === "unknown") return;
    judged.push((a !== b) === wanted);
  };
  lines.forEach((line, i) => {
    opposite(line[1], line[3], true);
    if (line.length === 7) opposite(line[3], line[5], true);
    opposite(line[1], lines[i + 1]?.[1], i % 2 === 0);
    if (i > 0) opposite(line.at(-1), i % 2 === 1 ? "level" : "oblique", false);
    const ending = line.slice(-3);
    if (!ending.includes("unknown")) judged.push(ending.some((tone) => tone !== "level"));
  });
  return judged.length === 0 ? undefined : judged.filter(Boolean).length / judged.length;
}
