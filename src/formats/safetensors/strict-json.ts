/**
 * A JSON reader for headers that come from strangers. `JSON.parse` is not enough there: it keeps the last of two equal
 * keys in silence, rounds integers above 2^53, reads `1.0` as an integer and gives `__proto__` no special care
 * downstream. Here objects become Maps, integers become bigints, and a repeated key is an error.
 */

/** Integers are bigint, other numbers number. */
export type StrictJson = string | bigint | number | boolean | null | readonly StrictJson[] | StrictJsonObject;
export type StrictJsonObject = ReadonlyMap<string, StrictJson>;

// A header nests three deep; the limit keeps hostile input from overflowing the stack.
const deepest = 64;

// The limits on digits keep BigInt from spending seconds on a literal of a megabyte.
const numberPattern = /-?(?:0|[1-9][0-9]{0,40})(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?/y;

/** Parses one JSON value that fills the whole text. Throws SyntaxError with a position. */
export function parseStrictJson(text: string): StrictJson {
  let at = 0;

  function fail(what: string): never {
    throw new SyntaxError(`${what} at character ${at}`);
  }

  function skipSpace(): void {
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  function expect(character: string): void {
    if (text[at] !== character) fail(at < text.length ? `expected "${character}"` : "unexpected end");
    at++;
  }

  function readString(): string {
    const start = at;
    expect('"');
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    expect('"');
    const literal = text.slice(start, at);
    try {
      const value: string = JSON.parse(literal);
      if (!/\p{Surrogate}/u.test(value)) return value;
    } catch {
      // Falls through: the position says more than the engine's message.
    }
    at = start;
    return fail("invalid string");
  }

  function readWord<T>(word: string, value: T): T {
    if (!text.startsWith(word, at)) fail("unexpected character");
    at += word.length;
    return value;
  }

  function readNumber(): bigint | number {
    numberPattern.lastIndex = at;
    const match = numberPattern.exec(text);
    if (match === null) return fail(at < text.length ? "unexpected character" : "unexpected end");
    at = numberPattern.lastIndex;
    const [literal, fraction, exponent] = match;
    return fraction === undefined && exponent === undefined && literal !== "-0" ? BigInt(literal) : Number(literal);
  }

  function readObject(depth: number): StrictJsonObject {
    const entries = new Map<string, StrictJson>();
    at++;
    skipSpace();
    if (text[at] === "}") {
      at++;
      return entries;
    }
    for (;;) {
      skipSpace();
      const keyAt = at;
      const key = readString();
      if (entries.has(key)) {
        at = keyAt;
        fail(`repeated key ${JSON.stringify(key.slice(0, 200))}`);
      }
      skipSpace();
      expect(":");
      entries.set(key, readValue(depth + 1));
      skipSpace();
      if (text[at] === "}") break;
      expect(",");
    }
    at++;
    return entries;
  }

  function readArray(depth: number): readonly StrictJson[] {
    const items: StrictJson[] = [];
    at++;
    skipSpace();
    if (text[at] === "]") {
      at++;
      return items;
    }
    for (;;) {
      items.push(readValue(depth + 1));
      skipSpace();
      if (text[at] === "]") break;
      expect(",");
    }
    at++;
    return items;
  }

  function readValue(depth: number): StrictJson {
    if (depth > deepest) fail(`nested deeper than ${deepest}`);
    skipSpace();
    const first = text[at];
    if (first === "{") return readObject(depth);
    if (first === "[") return readArray(depth);
    if (first === '"') return readString();
    if (first === "t") return readWord("true", true);
    if (first === "f") return readWord("false", false);
    if (first === "n") return readWord("null", null);
    return readNumber();
  }

  const value = readValue(0);
  skipSpace();
  if (at < text.length) fail("unexpected text after the value");
  return value;
}
