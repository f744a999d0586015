/**
 * The pre-tokenizers of tokenizer.json: how text is cut into words before the model sees it.
 *
 * ByteLevel also rewrites every word in GPT-2's byte alphabet. Where it comes last, and it nearly always does, that is left to
 * the model (`bytes`), which reads the bytes themselves.
 */
import { toAlphabet } from "../byte-level/alphabet.ts";
import { gpt2Pattern } from "../byte-level/patterns.ts";
import { translatePattern, whiteSpace } from "../pattern/index.ts";
import {
  booleanField,
  broken,
  byType,
  deepestNesting,
  type Fields,
  field,
  fieldsOf,
  listField,
  place,
  stringField,
  unsupported,
} from "./fields.ts";
import { type SplitBehavior, type Splitter, splitBehaviors, splitter } from "./split.ts";
import { textPattern } from "./text-pattern.ts";

export interface PreTokenizer {
  readonly split: Splitter;
  /** The words are plain text whose bytes the model must look at: ByteLevel came last. */
  readonly bytes: boolean;
}

const whole: Splitter = (piece, atStart, emit) => piece !== "" && emit(piece, atStart);
/** Punctuation that Unicode has named only since version 9: Hugging Face tokenizers keep the table of version 8. */
const laterPunctuation =
  "\\u061d\\u09fd\\u0a76\\u0c77\\u0c84\\u1b4e-\\u1b4f\\u1b7d-\\u1b7f\\u2e43-\\u2e4f\\u2e52-\\u2e5d" +
  "\\u{10d6e}\\u{10ead}\\u{10ed0}\\u{10f55}-\\u{10f59}\\u{10f86}-\\u{10f89}\\u{113d4}-\\u{113d5}\\u{113d7}-\\u{113d8}" +
  "\\u{1144b}-\\u{1145d}\\u{11660}-\\u{1166c}\\u{116b9}\\u{1183b}\\u{11944}-\\u{11946}\\u{119e2}-\\u{11ef8}" +
  "\\u{11f43}-\\u{11f4f}\\u{11fff}\\u{12ff1}-\\u{12ff2}\\u{16d6d}-\\u{16d6f}\\u{16e97}-\\u{16e9a}\\u{16fe2}\\u{1e5ff}\\u{1e95e}-\\u{1e95f}";
/** BERT's punctuation: all of Unicode's, and the ASCII symbols that Unicode files elsewhere. */
const punctuation = `(?![${laterPunctuation}])[\\p{P}$+<=>^\`|~\\u166d\\u{111c9}]`;
/** Rust's regex crate: Unicode word characters and the two join controls. */
const wordCharacters = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d";

/** @param value the JSON part; undefined for none: the whole text is one word */
export function preTokenizerOf(value: unknown, at: string, depth = 0): PreTokenizer {
  if (value === undefined || value === null) return { split: whole, bytes: false };
  if (depth > deepestNesting) throw broken(at, "nested too deep", `nested at most ${deepestNesting} deep`);
  return byType<PreTokenizer>("pre-tokenizer", fieldsOf(value, at), {
    Sequence: (fields) => sequence(fields, depth),
    ByteLevel: byteLevel,
    Split: (fields) => plain(splitter(textPattern(fields), behaviorOf(fields), booleanField(fields, "invert", false))),
    Digits: (fields) =>
      plain(splitter(/\p{N}/gu, booleanField(fields, "individual_digits", false) ? "Isolated" : "Contiguous")),
    Whitespace: () =>
      plain(splitter(new RegExp(`[${wordCharacters}]+|[^${wordCharacters}${whiteSpace}]+`, "gu"), "Removed", true)),
    WhitespaceSplit: () => plain(splitter(new RegExp(`[${whiteSpace}]`, "gu"), "Removed")),
    BertPreTokenizer: () =>
      plain(
        chain([
          splitter(new RegExp(`[${whiteSpace}]`, "gu"), "Removed"),
          splitter(new RegExp(punctuation, "gu"), "Isolated"),
        ]),
      ),
    Punctuation: (fields) => plain(splitter(new RegExp(punctuation, "gu"), behaviorOf(fields))),
    CharDelimiterSplit: (fields) => plain(splitter(characterPattern(fields, "delimiter"), "Removed")),
    Metaspace: metaspace,
  });
}

const plain = (split: Splitter): PreTokenizer => ({ split, bytes: false });

function chain(splitters: readonly Splitter[]): Splitter {
  return splitters.reduce((first, second) => (piece, atStart, emit) => {
    first(piece, atStart, (word, wordAtStart) => second(word, wordAtStart, emit));
  });
}

function sequence(fields: Fields, depth: number): PreTokenizer {
  const parts = listField(fields, "pretokenizers").map((part, i) =>
    preTokenizerOf(part, `${place(fields, "pretokenizers")}[${i}]`, depth + 1),
  );
  const splitters = parts.flatMap(({ split, bytes }, i): Splitter[] => {
    const steps = split === whole ? [] : [split];
    // What comes after ByteLevel sees its letters, not the text.
    if (bytes && i < parts.length - 1) steps.push((piece, atStart, emit) => emit(toAlphabet(piece), atStart));
    return steps;
  });
  return { split: splitters.length === 0 ? whole : chain(splitters), bytes: parts.at(-1)?.bytes ?? false };
}

function byteLevel(fields: Fields): PreTokenizer {
  const split = booleanField(fields, "use_regex", true) ? splitter(translatePattern(gpt2Pattern), "Isolated") : whole;
  if (!booleanField(fields, "add_prefix_space", true)) return { split, bytes: true };
  const prefixed: Splitter = (piece, atStart, emit) =>
    split(piece.startsWith(" ") ? piece : ` ${piece}`, atStart, emit);
  return { split: prefixed, bytes: true };
}

function metaspace(fields: Fields): PreTokenizer {
  const { replacement, scheme } = metaspaceOf(fields);
  const cut = booleanField(fields, "split", true)
    ? splitter(new RegExp(`\\u{${replacement.codePointAt(0)!.toString(16)}}`, "gu"), "MergedWithNext")
    : whole;
  return plain((piece, atStart, emit) => {
    const marked = piece.replaceAll(" ", () => replacement);
    const prepend = scheme === "always" || (scheme === "first" && atStart);
    cut(prepend && !marked.startsWith(replacement) ? replacement + marked : marked, atStart, emit);
  });
}

/** What Metaspace says as pre-tokenizer and as decoder. Old files have `add_prefix_space` in place of `prepend_scheme`. */
export function metaspaceOf(fields: Fields): { replacement: string; scheme: string } {
  const replacement = stringField(fields, "replacement", "▁");
  if ([...replacement].length !== 1) throw broken(place(fields, "replacement"), replacement, "one character");
  const scheme = stringField(
    fields,
    "prepend_scheme",
    booleanField(fields, "add_prefix_space", true) ? "always" : "never",
  );
  if (!["always", "first", "never"].includes(scheme)) {
    throw broken(place(fields, "prepend_scheme"), scheme, '"always", "first" or "never"');
  }
  return { replacement, scheme };
}

function behaviorOf(fields: Fields): SplitBehavior {
  const name = stringField(fields, "behavior", "Isolated");
  const behavior = splitBehaviors.find((known) => known.toLowerCase() === name.toLowerCase());
  if (behavior === undefined) throw unsupported(place(fields, "behavior"), `the split behaviour "${name}"`);
  return behavior;
}

function characterPattern(fields: Fields, name: string): RegExp {
  const value = field(fields, name);
  if (typeof value !== "string" || [...value].length !== 1) throw broken(place(fields, name), value, "one character");
  return new RegExp(`\\u{${value.codePointAt(0)!.toString(16)}}`, "gu");
}
