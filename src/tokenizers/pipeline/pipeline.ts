/**
 * A tokenizer put together from its stages: find added tokens, normalise, cut into words, turn words into ids, put special tokens around;
 * and back. tokenizer.json and tiktoken files both end here.
 */
import { CongError, unknownName } from "../../support/index.ts";
import type { EncodeOptions, SpecialIds, Tokenizer } from "../tokenizer.ts";
import { type AddedToken, type SegmentFinder, segmentFinder } from "./added-tokens.ts";

export interface Pipeline {
  /** Tokens of the model by id, without the added ones; undefined for unused ids. */
  readonly tokens: readonly (string | undefined)[];
  readonly tokenIds: ReadonlyMap<string, number>;
  readonly added: readonly AddedToken[];
  readonly ids: SpecialIds;
  normalize?(text: string): string;
  /** Appends the ids of text without added tokens. `atStart`: the text begins where the whole begins. */
  encodeText(text: string, atStart: boolean, out: number[]): void;
  /** Special ids around a whole text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Text of ids, all of them known; special tokens are already taken out where they shall be. */
  decodeIds(ids: readonly number[], tokenOf: (id: number) => string): string;
  /** Bytes of one token of the model, which is no special token. */
  bytesOf(id: number, token: string): Uint8Array;
}

const noBytes = new Uint8Array(0);

export function assembleTokenizer(pipeline: Pipeline): Tokenizer {
  const { tokens, tokenIds, added, before, after } = pipeline;
  const addedById = new Map(added.map((token) => [token.id, token]));
  const addedIds = new Map(added.map(({ content, id }) => [content, id]));
  const specialTokens = new Map(added.filter(({ special }) => special).map(({ content, id }) => [content, id]));
  const vocabularySize = added.reduce((size, { id }) => Math.max(size, id + 1), tokens.length);
  const finders = new Map<string, Finders>();

  const tokenOf = (id: number): string | undefined => addedById.get(id)?.content ?? tokens[id];

  /** An added token that is looked for in normalised text is also written as normalised, as in Hugging Face tokenizers. */
  function spellingOf(id: number): string {
    const token = addedById.get(id);
    if (token?.normalized && pipeline.normalize !== undefined) return pipeline.normalize(token.content);
    return token?.content ?? tokens[id]!;
  }

  function checkId(id: number): void {
    if (Number.isInteger(id) && id >= 0 && id < vocabularySize) return;
    throw new CongError(
      "ID_OUT_OF_RANGE",
      `decode: ${id} is no token of this vocabulary`,
      { id, vocabularySize },
      `ids are whole numbers below ${vocabularySize}; a model's padded rows above the last token must not be sampled`,
    );
  }

  function encode(text: string, { addSpecialTokens = true, special = "none" }: EncodeOptions = {}): number[] {
    const { typed, normalized } = findersFor(special);
    const out: number[] = addSpecialTokens ? [...before] : [];
    let atStart = true;
    for (const outer of typed(wellFormed(text))) {
      if (outer.id !== undefined) out.push(outer.id);
      else {
        const clean = pipeline.normalize?.(outer.text) ?? outer.text;
        for (const { id, text: inner } of normalized(clean)) {
          if (id !== undefined) out.push(id);
          else pipeline.encodeText(inner, atStart, out);
          atStart = false;
        }
      }
      atStart = false;
    }
    if (addSpecialTokens) out.push(...after);
    return out;
  }

  function findersFor(special: NonNullable<EncodeOptions["special"]>): Finders {
    const key = typeof special === "string" ? special : JSON.stringify(special);
    const known = finders.get(key);
    if (known !== undefined) return known;
    const wanted = wantedTokens(special, added, specialTokens);
    const normalize = pipeline.normalize?.bind(pipeline) ?? ((text: string) => text);
    const late = wanted.filter((token) => token.normalized);
    const made: Finders = {
      typed: segmentFinder(wanted.filter((token) => !token.normalized)),
      normalized: segmentFinder(
        late,
        late.map(({ content }) => normalize(content)),
      ),
    };
    if (finders.size > 32) finders.clear();
    finders.set(key, made);
    return made;
  }

  return {
    vocabularySize,
    specialTokens,
    ids: pipeline.ids,
    encode,
    decode(ids, { skipSpecialTokens = true } = {}) {
      const kept: number[] = [];
      for (const id of ids) {
        checkId(id);
        if (tokenOf(id) === undefined || (skipSpecialTokens && addedById.get(id)?.special)) continue;
        kept.push(id);
      }
      return pipeline.decodeIds(kept, spellingOf);
    },
    tokenOf,
    idOf: (token) => addedIds.get(token) ?? tokenIds.get(token),
    bytesOf(id) {
      checkId(id);
      const token = tokenOf(id);
      return token === undefined || addedById.get(id)?.special ? noBytes : pipeline.bytesOf(id, token);
    },
  };
}

interface Finders {
  readonly typed: SegmentFinder;
  readonly normalized: SegmentFinder;
}

/** Tokens that are not special always count: they are words of the vocabulary. */
function wantedTokens(
  special: NonNullable<EncodeOptions["special"]>,
  added: readonly AddedToken[],
  specialTokens: ReadonlyMap<string, number>,
): AddedToken[] {
  if (special === "all") return [...added];
  const named = new Set(special === "none" ? [] : special);
  for (const name of named) {
    if (!specialTokens.has(name)) throw unknownName("special token", name, specialTokens.keys());
  }
  return added.filter((token) => !token.special || named.has(token.content));
}

/** Half a surrogate pair cannot be written in UTF-8; it counts as U+FFFD. */
function wellFormed(text: string): string {
  // Node 20 has it; the language library this project compiles against does not list it yet.
  const native = text as string & { toWellFormed(): string };
  return native.toWellFormed();
}
