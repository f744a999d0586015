/** The outer form of regulated verse: four or eight lines of five or seven characters. */

export const verseForms = {
  五绝: { lines: 4, size: 5 },
  七绝: { lines: 4, size: 7 },
  五律: { lines: 8, size: 5 },
  七律: { lines: 8, size: 7 },
} as const;

export type VerseForm = keyof typeof verseForms;

/** Lines of a text: what stands between punctuation marks and line breaks. */
export const verseLines = (text: string): string[] => text.split(/[\s\p{P}]+/u).filter((line) => line !== "");

/** Whether the text is exactly lines of Han characters in the number and length of the form. */
export function hasForm(text: string, form: VerseForm): boolean {
  const { lines, size } = verseForms[form];
  const found = verseLines(text);
  return found.length === lines && found.every((line) => /^\p{Script=Han}+$/u.test(line) && [...line].length === size);
}
