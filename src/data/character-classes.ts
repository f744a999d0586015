/** What kind of character a UTF-16 unit is, as a table: one look-up a character where regular expressions would cost ten times that. */

/** Classes of characters. Surrogate pairs (rare Han, emoji) are "wide": one class for both halves. */
export const characterClass = {
  other: 0,
  space: 1,
  han: 2,
  kana: 3,
  hangul: 4,
  latin: 5,
  letter: 6,
  digit: 7,
  punctuation: 8,
  symbol: 9,
  wide: 10,
  lineBreak: 11,
} as const;

export const classCount = 12;

const patterns: readonly (readonly [RegExp, number])[] = [
  [/\p{L}|\p{M}/gu, characterClass.letter],
  [/\p{Script=Latin}/gu, characterClass.latin],
  [/\p{Script=Han}/gu, characterClass.han],
  // The long vowel mark belongs to no script of its own.
  [/\p{Script=Hiragana}|\p{Script=Katakana}|ー/gu, characterClass.kana],
  [/\p{Script=Hangul}/gu, characterClass.hangul],
  [/\p{N}/gu, characterClass.digit],
  [/\p{P}/gu, characterClass.punctuation],
  [/\p{S}/gu, characterClass.symbol],
  // 〇 and 々 are Han by script, but a number and a modifier by category.
  [/[〇々〻]/gu, characterClass.han],
  [/[\p{Z}\t]/gu, characterClass.space],
];

let table: Uint8Array<ArrayBuffer> | undefined;

/** The class of every UTF-16 unit; built on first use (about 20 ms). */
export function characterClasses(): Uint8Array<ArrayBuffer> {
  if (table !== undefined) return table;
  table = new Uint8Array(65536);
  const units = Array.from({ length: 65536 }, (_, unit) =>
    unit >= 0xd800 && unit < 0xe000 ? " " : String.fromCharCode(unit),
  ).join("");
  for (const [pattern, value] of patterns) for (const { index } of units.matchAll(pattern)) table[index] = value;
  table.fill(characterClass.wide, 0xd800, 0xe000);
  table[10] = characterClass.lineBreak;
  return table;
}

/** How many units of each class a text has, indexed by class. */
export function countClasses(text: string): Uint32Array<ArrayBuffer> {
  const classes = characterClasses();
  const counts = new Uint32Array(classCount);
  for (let i = 0; i < text.length; i++) counts[classes[text.charCodeAt(i)]!]!++;
  return counts;
}
