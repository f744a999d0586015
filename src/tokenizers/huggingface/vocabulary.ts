/** A vocabulary as tokenizer.json writes it: an object of tokens and ids, or for Unigram a list whose places are the ids. */
import { broken, checkCount, fieldsOf } from "./fields.ts";

export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  /** Tokens by id; undefined where no token has the id. */
  readonly tokens: readonly (string | undefined)[];
}

/** Ids may leave gaps, but an id far beyond the number of tokens is a broken file, and would claim memory for nothing. */
const largestGap = 1 << 20;

export function vocabularyOf(value: unknown, at: string): Vocabulary {
  const entries = Object.entries(fieldsOf(value, at).values);
  const ids = new Map<string, number>();
  const tokens: (string | undefined)[] = new Array(entries.length).fill(undefined);
  for (const [token, value] of entries) {
    const id = checkCount(value, `${at}[${JSON.stringify(token.slice(0, 60))}]`);
    if (id > entries.length + largestGap) {
      throw broken(`${at}[${JSON.stringify(token.slice(0, 60))}]`, id, `near the number of tokens, ${entries.length}`);
    }
    ids.set(token, id);
    while (tokens.length <= id) tokens.push(undefined);
    tokens[id] ??= token;
  }
  return { ids, tokens };
}

/** The id of a token that the model cannot do without. */
export function requireToken(vocabulary: Vocabulary, token: string, at: string): number {
  const id = vocabulary.ids.get(token);
  if (id === undefined) throw broken(at, token, "a token of the vocabulary");
  return id;
}
