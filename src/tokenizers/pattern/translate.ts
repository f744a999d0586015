/**
 * Regular expressions of tokenizer files as JavaScript ones.
 *
 * Hugging Face's tokenizers run them with Oniguruma (Ruby's rules), tiktoken with Rust's fancy-regex. What JavaScript lacks is spelled
 * out: `(?i:…)`, possessive quantifiers and atomic groups, `\h`, `\A`, `\z`, POSIX brackets, sets inside sets, and Unicode's idea of
 * `\s` and `\w`. What cannot be had is refused by name, never passed through with another meaning.
 *
 * Not followed: one letter that folds to two (a case-insensitive `ss` does not match ß).
 */
import { CongError } from "../../support/index.ts";
import {
  bareWord,
  caseVariants,
  codePoint,
  digit,
  hexDigit,
  isCased,
  notWhiteSpace,
  property,
  whiteSpace,
  word,
} from "./sets.ts";

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly extended: boolean;
}

// Deep nesting would overflow the stack of this parser.
const deepest = 100;

const anything = "\\u{0}-\\u{10ffff}";
const controlEscapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };

/**
 * Translates an Oniguruma pattern to a global RegExp. Capturing groups lose their numbers.
 * @throws CongError `UNSUPPORTED_PATTERN` that names the construct
 */
export function translatePattern(pattern: string): RegExp {
  const translation = translate(pattern);
  try {
    return new RegExp(translation.source, translation.sets ? "gv" : "gu");
  } catch (error) {
    throw refuse(pattern, pattern.length, error instanceof Error ? error.message : String(error));
  }
}

function translate(pattern: string): { source: string; sets: boolean } {
  let at = 0;
  let atomicGroups = 0;
  /** True when the result needs the `v` flag: negated sets inside sets, intersections. */
  let sets = false;
  let lookbehinds = 0;

  const fail = (what: string): never => {
    throw refuse(pattern, at, what);
  };
  const peek = (text: string): boolean => pattern.startsWith(text, at);
  const take = (text: string): boolean => {
    if (!peek(text)) return false;
    at += text.length;
    return true;
  };
  const nextPoint = (): number => {
    const point = pattern.codePointAt(at);
    if (point === undefined) return fail("an unfinished pattern");
    at += point > 0xffff ? 2 : 1;
    return point;
  };

  function alternatives(flags: Flags, depth: number): string {
    if (depth > deepest) fail(`groups nested deeper than ${deepest}`);
    let current = flags;
    let result = "";
    // `(?i)` holds to the end of the enclosing group, over the bars, and everything after it is one group of its own in Ruby.
    let closing = "";
    while (at < pattern.length && !peek(")")) {
      if (take("|")) {
        result += "|";
        continue;
      }
      const flagGroup = /\(\?([imx]*)(?:-([imx]+))?\)/y;
      flagGroup.lastIndex = at;
      const match = flagGroup.exec(pattern);
      if (match !== null) {
        at = flagGroup.lastIndex;
        current = withFlags(current, match[1]!, match[2] ?? "");
        result += "(?:";
        closing += ")";
        continue;
      }
      if (current.extended && skipExtended()) continue;
      result += quantified(current, depth);
    }
    return result + closing;
  }

  function skipExtended(): boolean {
    if (/\s/.test(pattern[at]!)) {
      at++;
      return true;
    }
    if (!take("#")) return false;
    const end = pattern.indexOf("\n", at);
    at = end < 0 ? pattern.length : end + 1;
    return true;
  }

  function quantified(flags: Flags, depth: number): string {
    let item = atom(flags, depth);
    for (;;) {
      const quantifier = /[*+?]|\{(\d*)(,?)(\d*)\}/y;
      quantifier.lastIndex = at;
      const match = quantifier.exec(pattern);
      // `{` that is no quantifier is a plain character; `{,}` too.
      if (match === null || (match[0].length > 1 && match[1] === "" && match[3] === "")) return item;
      at = quantifier.lastIndex;
      const braces = match[0].length > 1;
      if ((match[1] ?? "").length > 6 || (match[3] ?? "").length > 6) fail(`the repetition ${match[0]}`);
      const repeat = braces && match[1] === "" ? `{0,${match[3]}}` : match[0];
      if (take("?")) {
        if (braces && match[2] === "") fail(`${match[0]}?`);
        item = `(?:${item})${repeat}?`;
      } else if (!braces && take("+")) {
        item = atomic(`(?:${item})${repeat}`);
      } else {
        item = `(?:${item})${repeat}`;
      }
    }
  }

  /** A lookahead never gives back what it has captured. */
  function atomic(source: string): string {
    if (lookbehinds > 0) fail("an atomic group inside a lookbehind");
    const name = `a${atomicGroups++}`;
    return `(?:(?=(?<${name}>${source}))\\k<${name}>)`;
  }

  function atom(flags: Flags, depth: number): string {
    if (take("(")) return group(flags, depth);
    if (take("[")) return `[${characterClass(flags, depth)}]`;
    if (take(".")) return flags.dotAll ? `[${anything}]` : "[^\\n]";
    if (take("^")) return "(?<![^\\n])";
    if (take("$")) return "(?![^\\n])";
    if (take("\\")) return escaped(flags);
    const first = pattern[at]!;
    if (first === "*" || first === "+" || first === "?") fail(`"${first}" with nothing to repeat`);
    return literal(nextPoint(), flags);
  }

  function group(flags: Flags, depth: number): string {
    const close = (source: string): string => (take(")") ? source : fail("a group that is not closed"));
    const body = (open: string, inner = flags): string => close(`${open}${alternatives(inner, depth + 1)})`);
    if (take("?#")) {
      const end = pattern.indexOf(")", at);
      at = end < 0 ? pattern.length : end;
      return close("(?:)");
    }
    if (take("?:")) return body("(?:");
    if (take("?=")) return body("(?=");
    if (take("?!")) return body("(?!");
    if (take("?>")) {
      const inner = alternatives(flags, depth + 1);
      return close(atomic(inner));
    }
    const behind = take("?<=") ? "(?<=" : take("?<!") ? "(?<!" : "";
    if (behind !== "") {
      lookbehinds++;
      const source = body(behind);
      lookbehinds--;
      return source;
    }
    const named = /\?P?<[A-Za-z_]\w*>/y;
    named.lastIndex = at;
    if (named.test(pattern)) {
      at = named.lastIndex;
      return body("(?:");
    }
    const flagged = /\?([imx]*)(?:-([imx]+))?:/y;
    flagged.lastIndex = at;
    const match = flagged.exec(pattern);
    if (match !== null) {
      at = flagged.lastIndex;
      return body("(?:", withFlags(flags, match[1]!, match[2] ?? ""));
    }
    if (peek("?")) fail(`the group (${pattern.slice(at, at + 3)}…`);
    return body("(?:");
  }

  function literal(point: number, flags: Flags): string {
    if (!flags.ignoreCase) return codePoint(point);
    const variants = caseVariants(point);
    return variants.length === 1 ? codePoint(point) : `[${variants.map(codePoint).join("")}]`;
  }

  function escaped(flags: Flags): string {
    if (take("b")) return wordBoundary(true);
    if (take("B")) return wordBoundary(false);
    if (take("A")) return `(?<![${anything}])`;
    if (take("z")) return `(?![${anything}])`;
    if (take("Z")) return `(?=\\n?(?![${anything}]))`;
    if (take("R")) return "(?:\\r\\n|[\\n-\\r\\u{85}\\u{2028}\\u{2029}])";
    const set = escapedSet(flags, bareWord);
    if (set !== undefined) return `[${set.negated ? "^" : ""}${set.members}]`;
    return literal(escapedPoint(), flags);
  }

  /** A set named by an escape, or undefined when it names one character. */
  function escapedSet(flags: Flags, wordSet: string): { members: string; negated: boolean } | undefined {
    if (take("s")) return { members: whiteSpace, negated: false };
    if (take("S")) return { members: notWhiteSpace, negated: false };
    if (take("d")) return { members: digit, negated: false };
    if (take("D")) return { members: "\\P{Nd}", negated: false };
    if (take("w")) return { members: wordSet, negated: false };
    if (take("W")) return { members: wordSet, negated: true };
    if (take("h")) return { members: hexDigit, negated: false };
    if (take("H")) return { members: hexDigit, negated: true };
    const named = /([pP])(?:\{(\^?)([^}]*)\}|([A-Z]))/y;
    named.lastIndex = at;
    const match = named.exec(pattern);
    if (match === null) return undefined;
    const name = match[3] ?? match[4]!;
    const members = property(name);
    if (members === undefined) return fail(`the property ${match[0]}`);
    if (flags.ignoreCase && isCased(name)) fail(`the property ${match[0]} where case is ignored`);
    at = named.lastIndex;
    const negated = (match[1] === "P") !== (match[2] === "^");
    // One property negates to one, which needs no set inside a set.
    if (negated && /^\\p\{[^}]*\}$/.test(members)) return { members: members.replace("\\p", "\\P"), negated: false };
    return { members, negated };
  }

  function escapedPoint(): number {
    const numeric = /x\{\s*([0-9A-Fa-f]{1,6})\s*\}|x([0-9A-Fa-f]{1,2})|u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})/y;
    numeric.lastIndex = at;
    const match = numeric.exec(pattern);
    if (match !== null) {
      const point = Number.parseInt(match[1] ?? match[2] ?? match[3] ?? match[4]!, 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) fail(`the character \\${match[0]}`);
      at = numeric.lastIndex;
      return point;
    }
    if (at >= pattern.length) fail("a backslash at the end");
    const letter = pattern[at]!;
    if (Object.hasOwn(controlEscapes, letter)) {
      at++;
      return controlEscapes[letter]!;
    }
    if (letter === "0" && !/[0-7]/.test(pattern[at + 1] ?? "")) {
      at++;
      return 0;
    }
    if (/[A-Za-z0-9]/.test(letter)) fail(`the escape \\${letter}`);
    return nextPoint();
  }

  /** The members of a class after its `[`, up to and with its `]`; starts with ^ when it is negated. */
  function characterClass(flags: Flags, depth: number): string {
    if (depth > deepest) fail(`sets nested deeper than ${deepest}`);
    const negation = take("^") ? "^" : "";
    const operands: string[] = [];
    let members = "";
    let first = true;
    for (; ; first = false) {
      if (at >= pattern.length) fail("a class that is not closed");
      if (peek("]") && !first) {
        at++;
        break;
      }
      if (take("&&")) {
        operands.push(members);
        members = "";
        continue;
      }
      members += classMember(flags, depth);
    }
    if (members === "" && operands.length === 0) fail("an empty class");
    if (operands.length === 0) return negation + members;
    sets = true;
    return negation + [...operands, members].map((operand) => `[${operand}]`).join("&&");
  }

  function classMember(flags: Flags, depth: number): string {
    const posix = /\[:(\^?)([a-z]+):\]/y;
    posix.lastIndex = at;
    const match = posix.exec(pattern);
    if (match !== null) {
      const members = property(match[2]!);
      // [:punct:], [:graph:] and [:print:] changed between versions of Oniguruma.
      if (members === undefined || match[2] === "punct") return fail(`the class ${match[0]}`);
      at = posix.lastIndex;
      return nest(match[1] === "^", members);
    }
    if (take("[")) {
      const inner = characterClass(flags, depth + 1);
      return inner.startsWith("^") || inner.includes("&&") ? nestSource(inner) : inner;
    }
    let from: number;
    if (take("\\")) {
      const set = escapedSet(flags, word);
      if (set !== undefined) return nest(set.negated, set.members);
      if (take("b")) from = 8;
      else from = escapedPoint();
    } else {
      from = nextPoint();
    }
    // A hyphen before the end, or before a set, is itself.
    const range = /-(?!\]|\[|&&|\\[sSdDwWhHpP])/y;
    range.lastIndex = at;
    if (!range.test(pattern)) return foldRange(from, from, flags);
    at++;
    const to = take("\\") ? escapedPoint() : nextPoint();
    if (to < from) fail("a range whose end is before its start");
    return foldRange(from, to, flags);
  }

  function nest(negated: boolean, members: string): string {
    return negated ? nestSource(`^${members}`) : members;
  }

  function nestSource(source: string): string {
    sets = true;
    return `[${source}]`;
  }

  function foldRange(from: number, to: number, flags: Flags): string {
    const plain = from === to ? codePoint(from) : `${codePoint(from)}-${codePoint(to)}`;
    if (!flags.ignoreCase) return plain;
    if (to - from > 10_000) fail("a very long range where case is ignored");
    const variants = new Set<number>();
    for (let point = from; point <= to; point++) {
      for (const variant of caseVariants(point)) if (variant < from || variant > to) variants.add(variant);
    }
    return plain + [...variants].map(codePoint).join("");
  }

  const source = alternatives({ ignoreCase: false, dotAll: false, extended: false }, 0);
  if (at < pattern.length) fail("a closing bracket without its opening one");
  return { source, sets };
}

/** Ruby's letters: `m` lets the dot match a newline, `x` allows spaces and comments. */
function withFlags(flags: Flags, on: string, off: string): Flags {
  const set = (letter: string, now: boolean): boolean =>
    on.includes(letter) ? true : off.includes(letter) ? false : now;
  return { ignoreCase: set("i", flags.ignoreCase), dotAll: set("m", flags.dotAll), extended: set("x", flags.extended) };
}

function wordBoundary(positive: boolean): string {
  const edges = `(?<=[${bareWord}])(?![${bareWord}])|(?<![${bareWord}])(?=[${bareWord}])`;
  return positive ? `(?:${edges})` : `(?!${edges})`;
}

function refuse(pattern: string, at: number, what: string): CongError {
  return new CongError(
    "UNSUPPORTED_PATTERN",
    `the split pattern uses ${what} (at character ${at} of ${JSON.stringify(pattern.slice(0, 200))})`,
    { pattern, at },
    "rewrite the pattern without it, or report it: patterns of published tokenizers should all work",
  );
}
