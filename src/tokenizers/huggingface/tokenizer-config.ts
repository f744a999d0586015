/**
 * What stands beside a vocabulary: `tokenizer_config.json` (class, added tokens, names of special tokens, chat template), older folders'
 * `special_tokens_map.json`, and `chat_template.jinja`.
 */
import { CongError } from "../../support/index.ts";
import type { AddedToken } from "../pipeline/index.ts";
import type { SpecialIds } from "../tokenizer.ts";

export interface TokenizerConfig {
  readonly tokenizerClass?: string;
  readonly names: Readonly<Partial<Record<keyof SpecialIds, string>>>;
  readonly added: readonly AddedToken[];
  readonly addBegin?: boolean;
  readonly addEnd?: boolean;
  /** Jinja text; some models have several, by name. */
  readonly chatTemplate?: string | readonly { readonly name: string; readonly template: string }[];
}

const roles: Readonly<Record<keyof SpecialIds, string>> = {
  begin: "bos_token",
  end: "eos_token",
  pad: "pad_token",
  unknown: "unk_token",
  mask: "mask_token",
};

type Json = Readonly<Record<string, unknown>>;

/**
 * @param texts the files' texts, where they exist
 * @throws CongError `BAD_TOKENIZER_FILE` for a file that is no JSON object, or a wrong added token
 */
export function readTokenizerConfig(texts: {
  readonly config?: string | undefined;
  readonly specialTokensMap?: string | undefined;
  readonly chatTemplate?: string | undefined;
}): TokenizerConfig {
  const config = objectOf(texts.config, "tokenizer_config.json");
  const map = objectOf(texts.specialTokensMap, "special_tokens_map.json");
  const names: Partial<Record<keyof SpecialIds, string>> = {};
  for (const [role, key] of Object.entries(roles)) {
    const name = contentOf(own(config, key)) ?? contentOf(own(map, key));
    if (name !== undefined) names[role as keyof SpecialIds] = name;
  }
  const tokenizerClass = own(config, "tokenizer_class");
  const addBegin = own(config, "add_bos_token");
  const addEnd = own(config, "add_eos_token");
  const chatTemplate = texts.chatTemplate ?? templateOf(own(config, "chat_template"));
  return {
    names,
    added: addedTokens(own(config, "added_tokens_decoder")),
    ...(typeof tokenizerClass === "string" ? { tokenizerClass } : {}),
    ...(typeof addBegin === "boolean" ? { addBegin } : {}),
    ...(typeof addEnd === "boolean" ? { addEnd } : {}),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  };
}

function objectOf(text: string | undefined, file: string): Json {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  } catch {
    // Said below.
  }
  throw bad(file, "no JSON object");
}

const own = (object: Json, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

/** Tokens are written as a string, or as an object with `content`. */
function contentOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return undefined;
  const content = own(value as Json, "content");
  return typeof content === "string" ? content : undefined;
}

function addedTokens(value: unknown): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== "object") throw bad("tokenizer_config.json", "wrong in added_tokens_decoder");
  return Object.entries(value).map(([key, entry]) => {
    const content = contentOf(entry);
    const id = /^\d{1,8}$/.test(key) ? Number(key) : -1;
    if (content === undefined || content === "" || id < 0) {
      throw bad("tokenizer_config.json", `wrong in added_tokens_decoder[${JSON.stringify(key.slice(0, 40))}]`);
    }
    const flag = (name: string): boolean => own(entry as Json, name) === true;
    return {
      content,
      id,
      special: flag("special"),
      singleWord: flag("single_word"),
      leftStrip: flag("lstrip"),
      rightStrip: flag("rstrip"),
      normalized: flag("normalized"),
    };
  });
}

function templateOf(value: unknown): TokenizerConfig["chatTemplate"] {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const name = own(entry as Json, "name");
    const template = own(entry as Json, "template");
    return typeof name === "string" && typeof template === "string" ? [{ name, template }] : [];
  });
  return named.length === 0 ? undefined : named;
}

function bad(file: string, what: string): CongError {
  return new CongError(
    "BAD_TOKENIZER_FILE",
    `${file} is ${what}`,
    { file },
    "get the file again from where the model came",
  );
}
