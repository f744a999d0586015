/**
 * Reads one Python call with literal keyword arguments, `tool_call(city='北京', days=3, tags=["a"], deep=None)`, and writes
 * such calls. Nothing is evaluated: names, operators, f-strings and calls inside are refused with the reason.
 *
 * Arguments become JSON text directly, so integers of any length keep all their digits.
 */
const maxDepth = 64;

export type PythonCall = { readonly json: string } | { readonly reason: string };

/** Parses `text`, which must be a call of `functionName` and nothing else. */
export function parsePythonCall(text: string, functionName: string): PythonCall {
  const reader = new LiteralReader(text);
  try {
    return { json: reader.call(functionName) };
  } catch (error) {
    if (error instanceof LiteralError) return { reason: error.message };
    throw error;
  }
}

class LiteralError extends Error {}

/** A position in the text; lives as long as one parse. */
class LiteralReader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  call(functionName: string): string {
    this.#space();
    if (this.#word() !== functionName) throw this.#error(`a call of ${functionName}(…)`);
    this.#space();
    this.#expect("(");
    const pairs: string[] = [];
    const seen = new Set<string>();
    for (;;) {
      this.#space();
      if (this.#take(")")) break;
      const key = this.#word();
      if (key === "") throw this.#error("an argument of the form name=value");
      if (seen.has(key)) throw new LiteralError(`the argument "${key}" is given twice`);
      seen.add(key);
      this.#space();
      this.#expect("=");
      pairs.push(`${JSON.stringify(key)}: ${this.#value(0)}`);
      this.#space();
      if (this.#take(",")) continue;
      this.#expect(")");
      break;
    }
    this.#space();
    this.#take(";");
    this.#space();
    if (this.#at < this.#text.length) throw this.#error("nothing after the call");
    return `{${pairs.join(", ")}}`;
  }

  #value(depth: number): string {
    if (depth > maxDepth) throw new LiteralError(`values are nested more than ${maxDepth} deep`);
    this.#space();
    const next = this.#text[this.#at] ?? "";
    if (next === "[") return this.#list("[", "]", depth);
    if (next === "(") return this.#list("(", ")", depth);
    if (next === "{") return this.#dict(depth);
    if (/["']/.test(next) || /^[rRuU]["']/.test(this.#text.slice(this.#at, this.#at + 2)))
      return JSON.stringify(this.#strings());
    if (/[-+.\d]/.test(next)) return this.#number();
    const from = this.#at;
    const word = this.#word();
    const constant = constants[word];
    if (constant !== undefined && Object.hasOwn(constants, word)) return constant;
    this.#at = from;
    throw this.#error("a literal value");
  }

  #list(open: string, close: string, depth: number): string {
    this.#expect(open);
    const items: string[] = [];
    let commas = 0;
    for (;;) {
      this.#space();
      if (this.#take(close)) break;
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#take(",")) {
        commas++;
        continue;
      }
      this.#expect(close);
      break;
    }
    // (3) is a number in brackets, (3,) a tuple.
    if (open === "(" && items.length === 1 && commas === 0) return items[0] as string;
    return `[${items.join(", ")}]`;
  }

  #dict(depth: number): string {
    this.#expect("{");
    const pairs = new Map<string, string>();
    for (;;) {
      this.#space();
      if (this.#take("}")) break;
      const key = this.#value(depth + 1);
      if (/^[[{]/.test(key)) throw new LiteralError("a dictionary key is a list or a dictionary");
      this.#space();
      this.#expect(":");
      // JSON has text keys only; Python's json.dumps writes other keys as their text, too.
      pairs.set(key.startsWith('"') ? key : JSON.stringify(key), this.#value(depth + 1));
      this.#space();
      if (this.#take(",")) continue;
      this.#expect("}");
      break;
    }
    return `{${[...pairs].map(([key, value]) => `${key}: ${value}`).join(", ")}}`;
  }

  #number(): string {
    const rest = this.#text.slice(this.#at);
    const match =
      /^([-+]*)\s*(?:(0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)|((?:\d(?:_?\d)*)?\.?(?:\d(?:_?\d)*)?(?:[eE][-+]?\d(?:_?\d)*)?))/.exec(
        rest,
      );
    const signs = match?.[1] ?? "";
    const digits = (match?.[2] ?? match?.[3] ?? "").replaceAll("_", "");
    const end = this.#at + (match?.[0].length ?? 0);
    if (!/\d/.test(digits) || /[\w.]/.test(this.#text[end] ?? "")) throw this.#error("a number");
    this.#at = end;
    const sign = [...signs].filter((character) => character === "-").length % 2 === 1 ? "-" : "";
    if (/^0[xXoObB]/.test(digits)) return `${sign}${BigInt(digits)}`;
    if (/^\d+$/.test(digits)) {
      if (/^0+[1-9]/.test(digits)) throw new LiteralError(`the number ${digits} has leading zeros`);
      return `${sign}${BigInt(digits)}`;
    }
    const value = Number(digits);
    if (!Number.isFinite(value)) throw new LiteralError(`the number ${digits} is too large`);
    return `${sign}${Number.isInteger(value) && Math.abs(value) < 1e16 ? value.toFixed(1) : value}`;
  }

  /** One string, or several side by side, which Python joins. */
  #strings(): string {
    let joined = "";
    for (;;) {
      joined += this.#string();
      this.#space();
      const next = this.#text.slice(this.#at, this.#at + 2);
      if (!/^(?:["']|[rRuU]["'])/.test(next)) return joined;
    }
  }

  #string(): string {
    const prefix = /^[rRuU]/.test(this.#text[this.#at] ?? "") ? (this.#text[this.#at++] as string).toLowerCase() : "";
    const mark = this.#text[this.#at] as string;
    const quote = this.#text.startsWith(mark.repeat(3), this.#at) ? mark.repeat(3) : mark;
    this.#at += quote.length;
    let value = "";
    for (;;) {
      if (this.#at >= this.#text.length) throw new LiteralError("a string is not closed");
      if (this.#text.startsWith(quote, this.#at)) break;
      const character = this.#text[this.#at++] as string;
      if (character === "\n" && quote.length === 1)
        throw new LiteralError("a string is not closed at the end of its line");
      if (character !== "\\") value += character;
      else if (prefix === "r") value += `\\${this.#text[this.#at++] ?? ""}`;
      else value += this.#escape();
    }
    this.#at += quote.length;
    return value;
  }

  /** What follows a backslash. An unknown escape stays as it is, as in Python. */
  #escape(): string {
    const letter = this.#text[this.#at++] ?? "";
    const simple = escapes[letter];
    if (simple !== undefined && Object.hasOwn(escapes, letter)) return simple;
    if (/[0-7]/.test(letter)) {
      const digits = /^[0-7]{1,3}/.exec(this.#text.slice(this.#at - 1))?.[0] ?? letter;
      this.#at += digits.length - 1;
      return String.fromCodePoint(Number.parseInt(digits, 8));
    }
    const length = { x: 2, u: 4, U: 8 }[letter];
    if (length !== undefined) {
      const digits = this.#text.slice(this.#at, this.#at + length);
      const code = Number.parseInt(digits, 16);
      if (digits.length < length || !/^[\da-fA-F]+$/.test(digits) || code > 0x10ffff) {
        throw new LiteralError(`the escape \\${letter}${digits} is not a character`);
      }
      this.#at += length;
      return String.fromCodePoint(code);
    }
    if (letter === "N") throw new LiteralError("the escape \\N{…} is not supported");
    return `\\${letter}`;
  }

  #word(): string {
    const word = /^[\p{L}_][\p{L}\p{N}_]*/u.exec(this.#text.slice(this.#at))?.[0] ?? "";
    this.#at += word.length;
    return word;
  }

  /** White space and comments. */
  #space(): void {
    this.#at += /^(?:\s|#[^\n]*|\\\r?\n)*/.exec(this.#text.slice(this.#at))?.[0].length ?? 0;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#error(`"${character}"`);
  }

  #error(wanted: string): LiteralError {
    const found = this.#text.slice(this.#at, this.#at + 30);
    return new LiteralError(`expected ${wanted} at ${found === "" ? "the end" : JSON.stringify(found)}`);
  }
}

/** Python's constants, and JSON's, which models mix up with them. */
const constants: Readonly<Record<string, string>> = {
  True: "true",
  False: "false",
  None: "null",
  true: "true",
  false: "false",
  null: "null",
};

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
  "\n": "",
};

/** `tool_call(a=1, b='x')` for the arguments of a call; the counterpart of `parsePythonCall`. */
export function writePythonCall(functionName: string, values: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(values).map(([key, value]) => `${key}=${writeLiteral(value)}`);
  return `${functionName}(${pairs.join(", ")})`;
}

/** A JSON value as Python's `repr` writes it. */
function writeLiteral(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "string") return writeString(value);
  if (Array.isArray(value)) return `[${value.map(writeLiteral).join(", ")}]`;
  const pairs = Object.entries(value as object).map(([key, item]) => `${writeString(key)}: ${writeLiteral(item)}`);
  return `{${pairs.join(", ")}}`;
}

function writeString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll(quote, `\\${quote}`)
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: repr escapes exactly these.
    .replace(/[\x00-\x1f\x7f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return quote + escaped + quote;
}
