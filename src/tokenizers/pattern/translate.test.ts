import { describe, expect, it } from "vitest";
import { CongError } from "../../support/index.ts";
import { glm4Pattern } from "../byte-level/patterns.ts";
import { translatePattern } from "./index.ts";

const matches = (pattern: string, text: string): string[] =>
  [...text.matchAll(translatePattern(pattern))].map(([m]) => m);

// Expected values: Hugging Face tokenizers 0.23.2 (Oniguruma), `Split(Regex(pattern), "isolated")`.
describe("translatePattern", () => {
  it("cuts GLM-4's way: digits by three from the left, contractions in any case, ſ as an s", () => {
    expect(matches(glm4Pattern, "I'LL go 12345x'ſ it's\n\n  x ")).toEqual([
      "I",
      "'LL",
      " go",
      " ",
      "123",
      "45",
      "x",
      "'ſ",
      " it",
      "'s",
      "\n\n",
      " ",
      " x",
      " ",
    ]);
  });

  it("knows Unicode's white space: U+0085 is, U+FEFF is not", () => {
    expect(matches("\\s", "a\u0085\ufeff\u3000b")).toEqual(["\u0085", "\u3000"]);
    expect(matches("[^\\S]", "a\u0085\ufeff\u3000b")).toEqual(["\u0085", "\u3000"]);
  });

  it("does what JavaScript has no word for", () => {
    expect(matches("a++b?", "aab")).toEqual(["aab"]);
    expect(matches("(?>a|ab)c", "abc ac")).toEqual(["ac"]);
    expect(matches("a{1,2}+b", "aaaab")).toEqual(["aaaab"]);
    expect(matches("\\h+", "xyz 1f")).toEqual(["1f"]);
    expect(matches("[a-z&&[^aeiou]]+", "banana")).toEqual(["b", "n", "n"]);
    expect(matches("[[:alpha:]]+", "ab1é")).toEqual(["ab", "é"]);
    expect(matches("\\p{Han}+|\\p{^L}", "中文a1")).toEqual(["中文", "1"]);
    expect(matches("^.", "a\nb")).toEqual(["a", "b"]);
    expect(matches("\\A.|.\\z", "ab\ncd")).toEqual(["a", "d"]);
    expect(matches("(?i)K|[x-z]", "kK\u212aXy")).toEqual(["k", "K", "\u212a", "X", "y"]);
    expect(matches("(?m:.)b", "\nb")).toEqual(["\nb"]);
    expect(matches("x{,2}a{b", "xxa{b")).toEqual(["xxa{b"]);
    expect(matches("\\w", "½!")).toEqual(["½"]);
    expect(matches("[\\w]", "½!")).toEqual([]);
  });

  it.each([
    "(a)\\1",
    "\\X",
    "(?<=a++)b",
    "\\p{Nonsense}",
    "[",
    "(",
    "a)",
    "*a",
    "\\",
    "(?i:\\p{Lu})",
    "(?~a)",
    "[b-a]",
  ])("refuses %s by name", (pattern) => {
    expect(() => translatePattern(pattern)).toThrow(CongError);
    expect(() => translatePattern(pattern)).toThrow(/the split pattern uses/);
  });

  it("refuses bottomless nesting instead of overflowing", () => {
    expect(() => translatePattern("(".repeat(50_000))).toThrow(/nested deeper/);
    expect(() => translatePattern("[".repeat(50_000))).toThrow(/nested deeper/);
  });
});
