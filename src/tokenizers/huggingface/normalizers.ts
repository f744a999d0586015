/** The normalizers of tokenizer.json: how text is rewritten before it is cut. */
import { toAlphabet } from "../byte-level/alphabet.ts";
import { rangesToClass, whiteSpace } from "../pattern/index.ts";
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
} from "./fields.ts";
import { precompiledNormalizer } from "./precompiled.ts";
import { textPattern } from "./text-pattern.ts";

export type Normalizer = (text: string) => string;

const leadingSpace = new RegExp(`^[${whiteSpace}]+`, "u");
const trailingSpace = new RegExp(`[${whiteSpace}]+$`, "u");
const anySpace = new RegExp(`[${whiteSpace}]`, "gu");

/** @param value the JSON part; undefined for none */
export function normalizerOf(value: unknown, at: string, depth = 0): Normalizer | undefined {
  if (value === undefined || value === null) return undefined;
  if (depth > deepestNesting) throw broken(at, "nested too deep", `nested at most ${deepestNesting} deep`);
  return byType<Normalizer>("normalizer", fieldsOf(value, at), {
    Sequence: (fields) => {
      const parts = listField(fields, "normalizers").map((part, i) =>
        normalizerOf(part, `${place(fields, "normalizers")}[${i}]`, depth + 1),
      );
      return (text) => parts.reduce((current, part) => part?.(current) ?? current, text);
    },
    NFC: () => (text) => text.normalize("NFC"),
    NFD: () => (text) => text.normalize("NFD"),
    NFKC: () => (text) => text.normalize("NFKC"),
    NFKD: () => (text) => text.normalize("NFKD"),
    Lowercase: () => lowercase,
    Strip: (fields) => {
      const left = booleanField(fields, "strip_left", true);
      const right = booleanField(fields, "strip_right", true);
      return (text) => {
        const cut = left ? text.replace(leadingSpace, "") : text;
        return right ? stripEnd(cut) : cut;
      };
    },
    StripAccents: () => (text) => text.replace(/\p{M}/gu, ""),
    Replace: (fields) => {
      const pattern = textPattern(fields);
      const content = stringField(fields, "content");
      return (text) => text.replace(pattern, () => content);
    },
    Prepend: (fields) => {
      const prefix = stringField(fields, "prepend");
      return (text) => (text === "" ? "" : prefix + text);
    },
    Nmt: () => nmt,
    BertNormalizer: bert,
    ByteLevel: () => toAlphabet,
    Precompiled: precompiledNormalizer,
  });
}

/** The regular expression alone would be quadratic in a text of many spaces. */
function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && trailingSpace.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Letter by letter, so a Σ at the end of a word becomes σ, as in Rust, where JavaScript would write ς. */
function lowercase(text: string): string {
  return text.replaceAll("Σ", "σ").toLowerCase();
}

const anyOf = (...ranges: [number, number][]): RegExp => new RegExp(`[${rangesToClass(ranges)}]`, "gu");
const nmtDeleted = anyOf([1, 8], [0xb, 0xb], [0xe, 0x1f], [0x7f, 0x7f], [0x8f, 0x8f], [0x9f, 0x9f]);
const nmtSpaces = anyOf(
  [0x9, 0xa],
  [0xc, 0xd],
  [0x1680, 0x1680],
  [0x200b, 0x200f],
  [0x2028, 0x2029],
  [0x2581, 0x2581],
  [0xfeff, 0xfeff],
  [0xfffd, 0xfffd],
);

/** SentencePiece's rules for machine translation: some control characters go, other white space becomes a space. */
function nmt(text: string): string {
  return text.replace(nmtDeleted, "").replace(nmtSpaces, " ");
}

/** Ranges as in Hugging Face tokenizers, which leave a gap (U+2B820–2B91F) where BERT's own code has none. */
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
/** What BERT deletes: control, format and private characters but tab and line ends, and U+FFFD. Unassigned ones stay. */
const deleted = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu;

function bert(fields: Fields): Normalizer {
  const clean = booleanField(fields, "clean_text", true);
  const spaceChinese = booleanField(fields, "handle_chinese_chars", true);
  const lower = booleanField(fields, "lowercase", true);
  const strip = field(fields, "strip_accents") === undefined ? lower : booleanField(fields, "strip_accents");
  return (text) => {
    let result = text;
    if (clean) result = result.replace(deleted, "").replace(anySpace, " ");
    if (spaceChinese) result = result.replace(chinese, (character) => ` ${character} `);
    if (strip) result = result.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lower ? lowercase(result) : result;
  };
}
