/**
 * Characters and the n-grams made of them that the training titles repeat; every one has a row number.
 *
 * Level by level: an n-gram is looked for only where its first n−1 characters repeat themselves, so that a pair of small
 * numbers stands for it and no string is ever cut. Nothing is hashed and nothing collides.
 */

/** Characters with numbers of their own, before those of the texts. */
export const special = { pad: 0, unknown: 1, mask: 2, begin: 3, end: 4 } as const;
const specialCount = Object.keys(special).length;

export interface Lexicon {
  /** Number of characters, special ones included. */
  readonly characters: number;
  /** Rows by length: `lengths[n]` n-grams of n + 1 characters; those of one character are the characters themselves. */
  readonly counts: readonly number[];
  readonly idOf: ReadonlyMap<string, number>;
  /** Per length above 1: prefix row · characters + last character → row within its length, 1 and up. */
  readonly levels: readonly ReadonlyMap<number, number>[];
}

/** Titles as characters: row i is `ids[i·width …]`, `begin`, the text, `end`, then `pad`. */
export interface Encoded {
  readonly ids: Int32Array;
  readonly width: number;
  readonly rows: number;
}

/** Full-width letters and digits as plain ones, lower case: what a reader takes for the same character. */
const normalize = (text: string): string => text.normalize("NFKC").toLowerCase();

export function createLexicon(texts: readonly string[], longest: number, minimum = 2): Lexicon {
  const seen = new Map<string, number>();
  for (const text of texts) for (const c of normalize(text)) seen.set(c, (seen.get(c) ?? 0) + 1);
  const kept = [...seen].filter(([, count]) => count >= minimum).map(([c]) => c);
  const idOf = new Map(kept.map((c, i) => [c, specialCount + i]));
  const characters = specialCount + kept.length;
  const levels: Map<number, number>[] = [];
  const lexicon = { characters, idOf, levels, counts: [characters] };
  const { ids, width } = encode(lexicon, texts);
  let previous: Int32Array = ids; // row of the (n−1)-gram that begins at each place, 0 for none
  for (let n = 2; n <= longest; n++) {
    const counts = new Map<number, number>();
    eachKey(ids, width, previous, n, characters, (_, key) => counts.set(key, (counts.get(key) ?? 0) + 1));
    const level = new Map<number, number>();
    for (const [key, count] of counts) if (count >= minimum) level.set(key, level.size + 1);
    levels.push(level);
    lexicon.counts.push(level.size + 1);
    previous = rowsOf(ids, width, previous, n, characters, level);
  }
  return lexicon;
}

export function encode({ idOf }: Pick<Lexicon, "idOf">, texts: readonly string[], width = 40): Encoded {
  const ids = new Int32Array(texts.length * width);
  texts.forEach((text, row) => {
    const inner = [...normalize(text)].slice(0, width - 2).map((c) => idOf.get(c) ?? special.unknown);
    ids.set([special.begin, ...inner, special.end], row * width);
  });
  return { ids, width, rows: texts.length };
}

/** For each n from 2, the row of the n-gram that begins at each place; 0 where none is known. */
export function nGramRows({ characters, levels }: Lexicon, { ids, width }: Omit<Encoded, "rows">): Int32Array[] {
  let previous = ids;
  return levels.map((level, i) => {
    previous = rowsOf(ids, width, previous, i + 2, characters, level);
    return previous;
  });
}

function rowsOf(
  ids: Int32Array,
  width: number,
  previous: Int32Array,
  n: number,
  characters: number,
  level: ReadonlyMap<number, number>,
): Int32Array {
  const rows = new Int32Array(ids.length);
  eachKey(ids, width, previous, n, characters, (at, key) => {
    rows[at] = level.get(key) ?? 0;
  });
  return rows;
}

/** Visits the places where a known (n−1)-gram and one more character stand; masked characters make no n-grams. */
function eachKey(
  ids: Int32Array,
  width: number,
  previous: Int32Array,
  n: number,
  characters: number,
  visit: (at: number, key: number) => void,
): void {
  for (let at = 0; at < ids.length; at++) {
    if ((at % width) + n > width) continue;
    const [prefix, last] = [previous[at]!, ids[at + n - 1]!];
    const isWhole = n > 2 ? prefix > 0 : prefix > special.mask;
    if (isWhole && last > special.mask) visit(at, prefix * characters + last);
  }
}
