/** Rhymes of verse by modern readings, in the fourteen classes of the New Rhymes (中华新韵, Chinese Poetry Society, 2005). */
import { pinyin } from "pinyin-pro";
import { verseLines } from "./form.ts";

/** Finals as pinyin spells them, by class. 支 is the i of zhi, chi, shi, ri, zi, ci, si. */
const classes: Readonly<Record<string, readonly string[]>> = {
  麻: ["a", "ia", "ua"],
  波: ["o", "e", "uo"],
  皆: ["ie", "üe", "ue", "ê"],
  开: ["ai", "uai"],
  微: ["ei", "ui", "uei"],
  豪: ["ao", "iao"],
  尤: ["ou", "iu", "iou"],
  寒: ["an", "ian", "uan", "üan"],
  文: ["en", "in", "un", "uen", "ün"],
  唐: ["ang", "iang", "uang"],
  庚: ["eng", "ing", "ong", "iong", "ueng"],
  齐: ["i", "er", "ü"],
  姑: ["u"],
};
const classOf = new Map(Object.entries(classes).flatMap(([name, finals]) => finals.map((final) => [final, name])));

/** Initials after which i is the class 支. */
const buzzing = /^(?:zh|ch|sh|r|z|c|s)$/;
/** Initials after which u is spelled for ü. */
const palatal = /^(?:j|q|x|y)$/;

/** The rhyme class of a line's last character; undefined where it has no reading. */
export function rhymeClass(line: string): string | undefined {
  const last = (pattern: "initial" | "final"): string =>
    pinyin(line, { type: "array", pattern, toneType: "none" }).at(-1) ?? "";
  const initial = last("initial");
  const final = last("final");
  if (final === "i" && buzzing.test(initial)) return "支";
  if (final === "u" && palatal.test(initial)) return "齐";
  // pinyin writes ye and yue with y for the medial.
  if (initial === "y" && final === "e") return "皆";
  return classOf.get(final);
}

/** Whether all even lines are of one class. */
export function rhymes(text: string): boolean {
  const ends = verseLines(text).filter((_, i) => i % 2 === 1);
  const [first, ...others] = ends.map(rhymeClass);
  return first !== undefined && others.every((other) => other === first);
}
