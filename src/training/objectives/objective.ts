/** The objectives of pre-training by name: from a text's ids to what is asked. */
import { CongError } from "../../support/errors.ts";
import type { Random } from "../../support/random.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";
import { type BlankIds, causalBlankSample, drawBlanks } from "./blank-infilling.ts";
import { maskedSample } from "./masked.ts";
import { nextTokenSample, type Sample } from "./samples.ts";

export interface ObjectiveOptions {
  readonly name: "blank-infilling" | "causal" | "masked";
  /** Of short blanks and masks. */
  readonly ratio?: number;
  readonly meanSpan?: number;
  /** Shares of the three modes of blank infilling. */
  readonly token?: number;
  readonly sentence?: number;
  readonly generation?: number;
  readonly shortestGeneration?: number;
  readonly suffixShare?: number;
}

/** Texts longer than `length` are cut into pieces, so that a sample fits a row. */
export type TextObjective = (text: string, random: Random, length: number) => Sample[];

/** Sentences end here; a token that ends with one of these ends a sentence. */
const sentenceEnd = /[。！？；!?;…\n]$/;

/**
 * Makes the objective for a tokenizer.
 * @throws CongError `MISSING_SPECIAL_TOKEN` for a tokenizer without the tokens that the objective writes
 */
export function createObjective(options: ObjectiveOptions, tokenizer: Tokenizer): TextObjective {
  if (options.name === "causal") return causal(tokenizer);
  return options.name === "masked" ? masked(tokenizer, options) : blankInfilling(tokenizer, options);
}

const plainIds = (tokenizer: Tokenizer, text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });

/** What stands before a text: what the tokenizer adds, so that training and use agree. */
export function openingOf(tokenizer: Tokenizer): number[] {
  const empty = tokenizer.encode("");
  const { end } = tokenizer.ids;
  return empty.at(-1) === end && end !== undefined && empty.length > 1 ? empty.slice(0, -1) : empty;
}

/** The token that closes a text: `<eop>` where there is one, as after a blank; else the end of text. */
export function closingOf(tokenizer: Tokenizer): number | undefined {
  return tokenizer.specialTokens.get("<eop>") ?? tokenizer.ids.end;
}

function causal(tokenizer: Tokenizer): TextObjective {
  const opening = openingOf(tokenizer);
  const closing = closingOf(tokenizer);
  return (text, _random, length) => {
    const ids = [...opening, ...plainIds(tokenizer, text), ...(closing === undefined ? [] : [closing])];
    // A token more than fits, so that the last place of a row has something to predict.
    return piecesOf(ids, length, 1).flatMap((piece) => (piece.length < 2 ? [] : [nextTokenSample(piece)]));
  };
}

function masked(tokenizer: Tokenizer, { ratio }: ObjectiveOptions): TextObjective {
  const mask = tokenizer.ids.mask ?? wantedId(tokenizer, "[MASK]", "masked");
  const special = new Set(tokenizer.specialTokens.values());
  const how = { mask, vocabulary: tokenizer.vocabularySize, special, ...(ratio === undefined ? {} : { ratio }) };
  return (text, random, length) =>
    piecesOf(tokenizer.encode(text), length, 0).flatMap((piece) =>
      piece.every((id) => special.has(id)) ? [] : [maskedSample(piece, how, random)],
    );
}

/** The five tokens that blank infilling writes. */
export function blankIdsOf(tokenizer: Tokenizer): BlankIds {
  const id = (...names: string[]) => {
    const found = names.map((name) => tokenizer.specialTokens.get(name)).find((each) => each !== undefined);
    return found ?? wantedId(tokenizer, names[0]!, "blank-infilling");
  };
  return {
    mask: id("[MASK]"),
    sentenceMask: id("[sMASK]"),
    generationMask: id("[gMASK]"),
    start: id("<sop>", "sop", "<|startofpiece|>"),
    end: id("<eop>", "eop", "<|endofpiece|>"),
  };
}

function blankInfilling(tokenizer: Tokenizer, options: ObjectiveOptions): TextObjective {
  const tokens = blankIdsOf(tokenizer);
  const ends = new Map<number, boolean>();
  const endsSentence = (id: number): boolean => {
    const known = ends.get(id) ?? sentenceEnd.test(tokenizer.decode([id]));
    ends.set(id, known);
    return known;
  };
  const { token = 0.5, sentence = 0.3, generation = 0.2, ratio, meanSpan, shortestGeneration, suffixShare } = options;
  if (token + sentence + generation === 0) {
    throw new CongError(
      "BAD_SETTING",
      "blank-infilling with token, sentence and generation all 0 has no kind of blank to draw",
      { token, sentence, generation },
      "they are shares of the texts: set one of them above 0",
    );
  }
  const how = {
    modes: { token, sentence, generation },
    endsSentence,
    ...definedOf({ ratio, meanSpan, shortestGeneration, suffixShare }),
  };
  return (text, random, length) =>
    // Every span adds a mask, a start and an end: a quarter of the row is left for them.
    piecesOf(plainIds(tokenizer, text), Math.max(2, Math.floor(0.75 * length)), 0).flatMap((piece) =>
      piece.length < 2 ? [] : [causalBlankSample(drawBlanks(piece, tokens, how, random), tokens)],
    );
}

const definedOf = <T extends Record<string, number | undefined>>(record: T): { [K in keyof T]?: number } =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: number };

function piecesOf(ids: readonly number[], length: number, overlap: number): number[][] {
  const pieces: number[][] = [];
  for (let at = 0; at < ids.length; at += length) pieces.push(ids.slice(at, at + length + overlap));
  return pieces;
}

function wantedId(tokenizer: Tokenizer, token: string, objective: string): number {
  const id = tokenizer.specialTokens.get(token);
  if (id !== undefined) return id;
  throw new CongError(
    "MISSING_SPECIAL_TOKEN",
    `${objective} writes ${token}, which this tokenizer does not have`,
    { token, specialTokens: [...tokenizer.specialTokens.keys()].slice(0, 20) },
    "train a tokenizer with `congling tokenizer train`, which has it, or take the objective causal",
  );
}
