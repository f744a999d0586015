/** Texts in the form in which they are compared: as UTF-16 units in a typed array, by one table look-up a character. */

/**
 * How much two texts may differ and still be the same: "spacing" ignores how they are spaced and whether letters are full-width;
 * "loose" also ignores case, punctuation, symbols and all spaces.
 */
export type Folding = "spacing" | "loose";

const space = 32;
const tables: Partial<Record<Folding, Uint16Array<ArrayBuffer>>> = {};

/** For every UTF-16 unit the unit it is compared as; 0 drops it. */
function foldTable(folding: Folding): Uint16Array<ArrayBuffer> {
  const known = tables[folding];
  if (known !== undefined) return known;
  const table = Uint16Array.from({ length: 65536 }, (_, unit) => unit);
  const all = Array.from(table, (unit) => (unit >= 0xd800 && unit < 0xe000 ? "x" : String.fromCharCode(unit))).join("");
  for (const { index } of all.matchAll(/[\s\p{Z}]/gu)) table[index] = space;
  for (const { index } of all.matchAll(/\p{Cc}|\p{Cf}/gu)) if (table[index] !== space) table[index] = 0;
  for (let unit = 0xff01; unit <= 0xff5e; unit++) table[unit] = unit - 0xfee0;
  if (folding === "loose") {
    for (const { index } of all.matchAll(/[\p{P}\p{S}\s\p{Z}]/gu)) table[index] = 0;
    for (let unit = 0xff01; unit <= 0xff5e; unit++) table[unit] = table[unit - 0xfee0]!;
    for (let unit = 0; unit < 65536; unit++) {
      const kept = table[unit]!;
      if (kept === 0 || (kept >= 0xd800 && kept < 0xe000)) continue;
      const lower = String.fromCharCode(kept).toLowerCase();
      if (lower.length === 1) table[unit] = lower.charCodeAt(0);
    }
  }
  tables[folding] = table;
  return table;
}

/** Writes the folded text into `into` (which must have `text.length` free) from `at` on; returns how many units it has. */
export function foldInto(text: string, folding: Folding, into: Uint16Array, at = 0): number {
  const table = foldTable(folding);
  let end = at;
  let isSpaced = true; // no space at the start
  for (let i = 0; i < text.length; i++) {
    const unit = table[text.charCodeAt(i)]!;
    if (unit === 0) continue;
    if (unit === space) {
      if (!isSpaced) into[end++] = space;
      isSpaced = true;
      continue;
    }
    into[end++] = unit;
    isSpaced = false;
  }
  if (isSpaced && end > at) end--;
  return end - at;
}

/** The folded text as an array of its own. */
export function fold(text: string, folding: Folding): Uint16Array<ArrayBuffer> {
  const into = new Uint16Array(text.length);
  return into.slice(0, foldInto(text, folding, into));
}
