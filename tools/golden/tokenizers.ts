/**
 * A folder of tokenizers: each `NAME.golden.json` holds texts with the ids, pieces and decoded text that SentencePiece or
 * Hugging Face gave for the tokenizer `NAME.model` or `NAME.tokenizer.json`. Exact: an error counts wrong cases.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer } from "../../src/tokenizers/index.ts";
import type { Quantity } from "./quantity.ts";

const ending = ".golden.json";

interface Case {
  readonly text: string;
  readonly ids: readonly number[];
  readonly tokens?: readonly string[];
  readonly pieces?: readonly string[];
  readonly decoded: string;
}

/** Whether a folder holds expected encodings. */
export const isTokenizerFolder = (folder: string): boolean => readdirSync(folder).some((name) => name.endsWith(ending));

export async function* checkTokenizers(folder: string): AsyncIterable<Quantity> {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(ending))) {
    const name = file.slice(0, -ending.length);
    const { cases } = JSON.parse(readFileSync(join(folder, file), "utf8")) as { readonly cases: readonly Case[] };
    const model = [`${name}.model`, `${name}.tokenizer.json`].map((each) => join(folder, each)).find(existsSync);
    const tokenizer = await loadTokenizer(model ?? join(folder, name));
    const count = (label: string, isRight: (one: Case) => boolean): Quantity => ({
      name: `${name}: ${label} of ${cases.length} texts`,
      error: cases.filter((one) => !isRight(one)).length,
      tolerance: 0,
    });
    yield count("ids", ({ text, ids }) => same(tokenizer.encode(text, { special: "all" }), ids));
    yield count("pieces", ({ ids, tokens, pieces = tokens }) =>
      same(
        ids.map((id) => tokenizer.tokenOf(id)),
        pieces ?? [],
      ),
    );
    yield count("decoded text", ({ ids, decoded }) => tokenizer.decode(ids) === decoded);
  }
}

const same = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);
