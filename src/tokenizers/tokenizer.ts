/**
 * What every tokenizer offers, whatever file it came from: text to ids and back.
 *
 * Text that a user typed can never make a special token: `encode` looks for special tokens only when it is told to. Chat
 * templates and prompts built by the program name the ones they want.
 */
export interface Tokenizer {
  /** Ids are 0 … vocabularySize − 1; some may be unused. */
  readonly vocabularySize: number;
  /** Tokens that stand for themselves and never come from plain text, with their ids. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** Ids that the tokenizer's own files name, where they do. */
  readonly ids: SpecialIds;
  encode(text: string, options?: EncodeOptions): number[];
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** The piece as the vocabulary file spells it, or undefined for an unused id. */
  tokenOf(id: number): string | undefined;
  /** Id of a piece spelled as in the vocabulary file, specials included. */
  idOf(token: string): number | undefined;
  /** The bytes that the token adds to the text, before any clean-up at the start; none for special tokens. */
  bytesOf(id: number): Uint8Array;
}

export interface SpecialIds {
  readonly begin?: number;
  readonly end?: number;
  readonly pad?: number;
  readonly unknown?: number;
  readonly mask?: number;
}

export interface EncodeOptions {
  /** Add what the model expects around a text ([gMASK] sop, [CLS] … [SEP]). Default true. */
  readonly addSpecialTokens?: boolean;
  /** Special tokens to recognise inside the text: none, all, or these. Default "none". */
  readonly special?: "none" | "all" | readonly string[];
}

export interface DecodeOptions {
  /** Leave special tokens out. Default true. */
  readonly skipSpecialTokens?: boolean;
}
