/**
 * Character sets as the inside of a JavaScript class (without the brackets).
 *
 * `\s`, `\w`, `.` and friends do not mean the same everywhere: Oniguruma (Hugging Face) and Rust (tiktoken) follow the Unicode
 * properties, JavaScript has its own list, which lacks U+0085 and has U+FEFF.
 */

/** The Unicode property White_Space, spelled out because its complement is needed inside classes, too. */
const whiteSpaceRanges: readonly (readonly [number, number])[] = [
  [0x9, 0xd],
  [0x20, 0x20],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

export const whiteSpace = rangesToClass(whiteSpaceRanges);
export const notWhiteSpace = rangesToClass(complement(whiteSpaceRanges));
/** Unicode's word characters: `\w` inside a class. */
export const word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
/** Alone, Oniguruma's `\w` (and so `\b`) has six numbers of Latin-1 more: ² ³ ¹ ¼ ½ ¾. */
export const bareWord = `${word}\\u{b2}\\u{b3}\\u{b9}\\u{bc}-\\u{be}`;
export const digit = "\\p{Nd}";
export const hexDigit = "0-9A-Fa-f";

/** One code point in a form that needs no escaping rules, inside and outside of classes. */
export function codePoint(point: number): string {
  const plain =
    (point >= 0x30 && point <= 0x39) || (point >= 0x41 && point <= 0x5a) || (point >= 0x61 && point <= 0x7a);
  return plain ? String.fromCharCode(point) : `\\u{${point.toString(16)}}`;
}

export function rangesToClass(ranges: readonly (readonly [number, number])[]): string {
  return ranges.map(([from, to]) => (from === to ? codePoint(from) : `${codePoint(from)}-${codePoint(to)}`)).join("");
}

function complement(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const result: [number, number][] = [];
  let from = 0;
  for (const [first, last] of ranges) {
    if (first > from) result.push([from, first - 1]);
    from = last + 1;
  }
  result.push([from, 0x10ffff]);
  return result;
}

/** All code points that equal this one when case is ignored (simple folding: ſ is an s, the Kelvin sign a k). */
export function caseVariants(point: number): number[] {
  const text = String.fromCodePoint(point);
  const candidates = new Set([point]);
  for (const other of [text.toLowerCase(), text.toUpperCase(), ...(extraFolds.get(text.toLowerCase()) ?? [])]) {
    const [first, ...rest] = [...other];
    if (first !== undefined && rest.length === 0) candidates.add(first.codePointAt(0)!);
  }
  return [...candidates].sort((a, b) => a - b);
}

/** Letters that share a folding with a lower-case letter without being its upper case (Unicode CaseFolding, status C). */
const extraFolds: ReadonlyMap<string, readonly string[]> = new Map([
  ["s", ["\u017f"]],
  ["\u017f", ["s", "S"]],
  ["k", ["\u212a"]],
  ["å", ["\u212b"]],
  ["µ", ["\u03bc", "\u039c"]],
  ["μ", ["\u00b5"]],
  ["ω", ["\u2126"]],
  ["σ", ["ς"]],
  ["ς", ["σ", "Σ"]],
  ["β", ["ϐ"]],
  ["ε", ["ϵ"]],
  ["θ", ["ϑ", "ϴ"]],
  ["κ", ["ϰ"]],
  ["π", ["ϖ"]],
  ["ρ", ["ϱ"]],
  ["φ", ["ϕ"]],
]);

const aliases: Readonly<Record<string, string>> = {
  alpha: "\\p{Alphabetic}",
  digit,
  alnum: "\\p{Alphabetic}\\p{Nd}",
  upper: "\\p{Uppercase}",
  lower: "\\p{Lowercase}",
  space: whiteSpace,
  word,
  xdigit: hexDigit,
};

/** Properties that a case-insensitive match would have to widen. */
const cased = /^(?:lu|ll|lt|uppercase_?letter|lowercase_?letter|titlecase_?letter|upper(?:case)?|lower(?:case)?)$/i;

/**
 * The class of a named property (`L`, `Lu`, `Letter`, `Han`, `Alphabetic`, `alnum`), or undefined when there is no such. Scripts
 * stand without a prefix in Oniguruma and Rust; JavaScript wants `Script=`.
 */
export function property(name: string): string | undefined {
  const alias = name.toLowerCase();
  if (Object.hasOwn(aliases, alias)) return aliases[alias];
  if (!/^[A-Za-z_]+(?:=[A-Za-z_]+)?$/.test(name)) return undefined;
  const spellings = [name, name.charAt(0).toUpperCase() + name.slice(1).toLowerCase()];
  for (const spelling of spellings) {
    for (const candidate of [`\\p{${spelling}}`, `\\p{Script=${spelling}}`]) {
      try {
        new RegExp(candidate, "u");
        return candidate;
      } catch {
        // Not a name that JavaScript knows in this form.
      }
    }
  }
  return undefined;
}

export const isCased = (name: string): boolean => cased.test(name);
