/**
 * All filters of a request in one chain, in the order of Hugging Face: penalties and prohibitions on the raw scores first,
 * then, when sampling, temperature and what cuts off the unlikely end.
 */
import { checkRange } from "../../support/checks.ts";
import { CongError } from "../../support/errors.ts";
import type { Filter } from "./filter.ts";
import { logitBias } from "./logit-bias.ts";
import { minP } from "./min-p.ts";
import { noRepeatNgram } from "./no-repeat-ngram.ts";
import { occurrencePenalties } from "./occurrence-penalties.ts";
import { repetitionPenalty } from "./repetition-penalty.ts";
import { minimumNewTokens, suppressFrom, suppressIds } from "./suppress.ts";
import { temperature } from "./temperature.ts";
import { topK } from "./top-k.ts";
import { topP } from "./top-p.ts";
import { typical } from "./typical.ts";

/** How the next token is chosen. Everything is off by default: the likeliest token wins. */
export interface FilterOptions {
  /** 0 (default): always the likeliest token. Above 0: sample from the scores divided by it; 1 leaves them as they are. */
  readonly temperature?: number | undefined;
  /** Sample among the k likeliest; 0 (default): no limit. */
  readonly topK?: number | undefined;
  /** Sample among the likeliest tokens that together have this probability. Default 1: all. */
  readonly topP?: number | undefined;
  /** Sample among tokens with at least this fraction of the best one's probability. Default 0: all. */
  readonly minP?: number | undefined;
  /** Sample among the tokens of typical surprise that together have this probability. Default 1: all. */
  readonly typicalP?: number | undefined;
  /** Factor against tokens of prompt and answer. Default 1. */
  readonly repetitionPenalty?: number | undefined;
  /** No sequence of this many tokens comes twice; 0 (default): allowed. */
  readonly noRepeatNgramSize?: number | undefined;
  /** Taken off tokens that the answer holds, −2 … 2. Default 0. */
  readonly presencePenalty?: number | undefined;
  /** Taken off once for each occurrence in the answer, −2 … 2. Default 0. */
  readonly frequencyPenalty?: number | undefined;
  /** Added to the scores of these ids. */
  readonly logitBias?: ReadonlyMap<number, number> | Readonly<Record<number, number>> | undefined;
  /** No end token before the answer has this many tokens. Default 0. */
  readonly minNewTokens?: number | undefined;
  /** Ids that never come. */
  readonly suppressIds?: readonly number[] | undefined;
}

/** What the chain has to know of the model and the request. */
export interface FilterSetting {
  /** V, scores in a row. */
  readonly vocabulary: number;
  /** Ids from here on belong to no token and never come. Default: all belong to tokens. */
  readonly usedVocabulary?: number | undefined;
  /** Tokens that end an answer. */
  readonly endIds: readonly number[];
  /** Fewest tokens that sampling filters leave; beam search needs two or more. Default 1. */
  readonly minimumKept?: number | undefined;
}

/** True when the options ask for random choices. */
export const isSampling = (options: Pick<FilterOptions, "temperature">): boolean => (options.temperature ?? 0) > 0;

/**
 * The filters that the options ask for, those that would change nothing left out.
 * @throws CongError `BAD_ARGUMENT` for a value out of its range, and for sampling options while temperature is 0
 */
export function createFilters(options: FilterOptions, setting: FilterSetting): Filter[] {
  const { vocabulary, usedVocabulary = vocabulary, endIds, minimumKept = 1 } = setting;
  const { temperature: heat = 0, presencePenalty: presence = 0, frequencyPenalty: frequency = 0 } = options;
  checkRange("createFilters", { temperature: heat }, { min: 0 });
  const chain: Filter[] = [];
  const biases = biasMap(options.logitBias);
  if (biases.size > 0) chain.push(logitBias(biases, vocabulary));
  if ((options.repetitionPenalty ?? 1) !== 1) chain.push(repetitionPenalty(options.repetitionPenalty!));
  if (presence !== 0 || frequency !== 0) chain.push(occurrencePenalties({ presence, frequency }));
  if ((options.noRepeatNgramSize ?? 0) !== 0) chain.push(noRepeatNgram(options.noRepeatNgramSize!));
  if ((options.minNewTokens ?? 0) !== 0) chain.push(minimumNewTokens(options.minNewTokens!, endIds));
  if ((options.suppressIds ?? []).length > 0) chain.push(suppressIds(inside(options.suppressIds!, vocabulary)));
  if (usedVocabulary < vocabulary) chain.push(suppressFrom(usedVocabulary));
  const cuts = samplingCuts(options, minimumKept);
  if (heat > 0) return [...chain, ...(heat === 1 ? [] : [temperature(heat)]), ...cuts.map(([, filter]) => filter)];
  const [unused] = cuts;
  if (unused === undefined) return chain;
  throw new CongError(
    "BAD_ARGUMENT",
    `${unused[0]} is given, but temperature is 0: the likeliest token is always taken and ${unused[0]} would do nothing`,
    { option: unused[0] },
    `set temperature to 1 (or another number above 0) to sample, or leave ${unused[0]} out`,
  );
}

function samplingCuts(options: FilterOptions, minimumKept: number): [name: string, filter: Filter][] {
  const keep = { minimumKept };
  const cuts: [string, Filter][] = [];
  if ((options.topK ?? 0) !== 0) cuts.push(["topK", topK(options.topK!, keep)]);
  if ((options.topP ?? 1) !== 1) cuts.push(["topP", topP(options.topP!, keep)]);
  if ((options.minP ?? 0) !== 0) cuts.push(["minP", minP(options.minP!, keep)]);
  if ((options.typicalP ?? 1) !== 1) cuts.push(["typicalP", typical(options.typicalP!, keep)]);
  return cuts;
}

function biasMap(biases: FilterOptions["logitBias"]): ReadonlyMap<number, number> {
  if (biases instanceof Map) return biases;
  return new Map(Object.entries(biases ?? {}).map(([id, bias]) => [Number(id), bias]));
}

function inside(ids: readonly number[], vocabulary: number): readonly number[] {
  const outside = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
  if (outside === undefined) return ids;
  throw new CongError(
    "ID_OUT_OF_RANGE",
    `suppressIds: token ${outside} is outside the vocabulary of ${vocabulary}`,
    { id: outside, vocabulary },
    `ids are whole numbers from 0 to ${vocabulary - 1}`,
  );
}
