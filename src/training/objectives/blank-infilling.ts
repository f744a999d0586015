/**
 * Autoregressive blank infilling, GLM's pre-training objective (Du et al. 2022, section 2.1; THUDM/GLM
 * `blocklm_utils.py`): spans of a text are replaced by masks (Part A) and written again, in random order, behind it
 * (Part B); only Part B is asked for.
 *
 * Three modes: short spans of tokens, whole sentences, and one long span for generation. The same blanks become a sample
 * for a causal model with one row of positions (`causalBlankSample`: what the Hugging Face architecture `glm` trains on)
 * or for the first GLM with two rows and a prefix mask (`twoRowBlankSample`).
 */
import { checkRange } from "../../support/checks.ts";
import { CongError } from "../../support/errors.ts";
import type { Random } from "../../support/random.ts";
import { ignored, type Sample } from "./samples.ts";

/** Ids of the tokens the objective writes itself. */
export interface BlankIds {
  /** [MASK], for spans of tokens. */
  readonly mask: number;
  /** [sMASK], for sentences. */
  readonly sentenceMask: number;
  /** [gMASK], for generation. */
  readonly generationMask: number;
  /** `<sop>`, before a span. */
  readonly start: number;
  /** `<eop>`, after it. */
  readonly end: number;
}

export interface BlankOptions {
  /** Shares of the three modes; they need not sum to 1. Default those of GLM-10B-Chinese: 0.5, 0.3, 0.2. */
  readonly modes?: { readonly token: number; readonly sentence: number; readonly generation: number };
  /** Share of a text that spans of tokens or sentences take. Default 0.15. */
  readonly ratio?: number;
  /** Mean length of a span of tokens (Poisson). Default 3. */
  readonly meanSpan?: number;
  /** Longest span of tokens. Default 39. */
  readonly longestSpan?: number;
  /** Shortest generated span, as a share of the text. Default 0.25. */
  readonly shortestGeneration?: number;
  /** How often the generated span is the end of the text; otherwise it lies anywhere. Default 0.5. */
  readonly suffixShare?: number;
  /** Whether a token ends a sentence. Needed for the sentence mode; without it that mode takes spans of tokens. */
  readonly endsSentence?: (id: number) => boolean;
}

export type BlankMode = "token" | "sentence" | "generation";

/** A text with blanks. */
export interface Blanks {
  readonly mode: BlankMode;
  /** The text with one mask for each span. */
  readonly partA: readonly number[];
  /** What the masks stand for, in the order in which it is to be written. */
  readonly spans: readonly { readonly maskPosition: number; readonly ids: readonly number[] }[];
}

/** A stretch of the text, end exclusive. */
type Stretch = readonly [start: number, end: number];

/**
 * Draws a mode and blanks for one text.
 * @throws CongError `BAD_ARGUMENT` for a text of fewer than two tokens
 */
export function drawBlanks(ids: readonly number[], tokens: BlankIds, options: BlankOptions, random: Random): Blanks {
  if (ids.length < 2) {
    throw new CongError(
      "BAD_ARGUMENT",
      `blank infilling: a text of ${ids.length} tokens`,
      { length: ids.length },
      "leave texts of fewer than two tokens out",
    );
  }
  const mode = drawMode(options, random);
  const maskOf = { token: tokens.mask, sentence: tokens.sentenceMask, generation: tokens.generationMask } as const;
  const stretches = drawStretches[mode](ids, options, random);
  return cutOut(ids, stretches, maskOf[mode], mode, random);
}

function drawMode(options: BlankOptions, random: Random): BlankMode {
  const { token, sentence, generation } = options.modes ?? { token: 0.5, sentence: 0.3, generation: 0.2 };
  checkRange("blank infilling", { token, sentence, generation }, { min: 0 });
  const at = random.uniform() * (token + sentence + generation);
  if (at < token) return "token";
  if (at >= token + sentence) return "generation";
  return options.endsSentence === undefined ? "token" : "sentence";
}

const drawStretches: Readonly<
  Record<BlankMode, (ids: readonly number[], options: BlankOptions, random: Random) => Stretch[]>
> = { token: tokenStretches, sentence: sentenceStretches, generation: generationStretch };

/** Spans whose lengths follow a Poisson law, until they cover the ratio; at least one token stands between two. */
function tokenStretches(ids: readonly number[], options: BlankOptions, random: Random): Stretch[] {
  const { ratio = 0.15, meanSpan = 3, longestSpan = 39 } = options;
  const wanted = Math.max(1, Math.floor(ratio * ids.length));
  const lengths: number[] = [];
  let total = 0;
  while (total < wanted) {
    const length = Math.min(poissonBetween(meanSpan, longestSpan, random), wanted - total, ids.length - 1);
    lengths.push(length);
    total += length;
  }
  return placeStretches(ids.length, lengths, random);
}

/** Places lengths in random order without overlap: sorted gaps from what is free, one token kept between two spans. */
function placeStretches(size: number, lengths: readonly number[], random: Random): Stretch[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const free = size - total - (lengths.length - 1);
  if (free < 0) return placeStretches(size, lengths.slice(0, -1), random);
  const gaps = lengths.map(() => random.integer(free + 1)).sort((a, b) => a - b);
  let used = 0;
  return lengths.map((length, i) => {
    const start = gaps[i]! + used;
    used += length + 1;
    return [start, start + length];
  });
}

/** Whole sentences in random order, until they cover the ratio. */
function sentenceStretches(ids: readonly number[], options: BlankOptions, random: Random): Stretch[] {
  const { ratio = 0.15, endsSentence = () => false } = options;
  const sentences: Stretch[] = [];
  let start = 0;
  ids.forEach((id, i) => {
    if (!endsSentence(id) && i < ids.length - 1) return;
    sentences.push([start, i + 1]);
    start = i + 1;
  });
  const wanted = Math.max(1, Math.floor(ratio * ids.length));
  const chosen: Stretch[] = [];
  let total = 0;
  for (const i of random.permutation(sentences.length)) {
    if (total >= wanted) break;
    const [from, to] = sentences[i]!;
    chosen.push([from, to]);
    total += to - from;
  }
  return chosen.sort(([a], [b]) => a - b);
}

/** One long span: the end of the text, or anywhere in it. */
function generationStretch(ids: readonly number[], options: BlankOptions, random: Random): Stretch[] {
  const { shortestGeneration = 0.25, suffixShare = 0.5 } = options;
  const shortest = Math.max(1, Math.floor(shortestGeneration * ids.length));
  const longest = Math.max(shortest, ids.length);
  const length = shortest + random.integer(longest - shortest + 1);
  const start = random.uniform() < suffixShare ? ids.length - length : random.integer(ids.length - length + 1);
  return [[start, start + length]];
}

/** Poisson(mean) restricted to 1 … longest, by inversion of its distribution function. */
function poissonBetween(mean: number, longest: number, random: Random): number {
  const weights: number[] = [];
  let weight = 1;
  for (let k = 1; k <= longest; k++) {
    weight *= mean / k;
    weights.push(weight);
  }
  let at = random.uniform() * weights.reduce((sum, each) => sum + each, 0);
  const found = weights.findIndex((each) => {
    at -= each;
    return at < 0;
  });
  return found < 0 ? longest : found + 1;
}

function cutOut(
  ids: readonly number[],
  stretches: readonly Stretch[],
  mask: number,
  mode: BlankMode,
  random: Random,
): Blanks {
  const partA: number[] = [];
  const spans: { maskPosition: number; ids: number[] }[] = [];
  let at = 0;
  for (const [start, end] of stretches) {
    partA.push(...ids.slice(at, start));
    spans.push({ maskPosition: partA.length, ids: ids.slice(start, end) });
    partA.push(mask);
    at = end;
  }
  partA.push(...ids.slice(at));
  return { mode, partA, spans: [...random.permutation(spans.length)].map((i) => spans[i]!) };
}

/** Part A, then every span as `<sop>` span, asking for span `<eop>`. */
export function causalBlankSample({ partA, spans }: Blanks, { start, end }: BlankIds): Sample {
  return {
    ids: [...partA, ...spans.flatMap(({ ids }) => [start, ...ids])],
    targets: [...partA.map(() => ignored), ...spans.flatMap(({ ids }) => [...ids, end])],
  };
}

/** A sample for two rows of positions and a prefix mask. */
export interface TwoRowSample extends Sample {
  /** Place in the text with its blanks (a span stands at its mask), and place inside the span from 1 (0 in Part A). */
  readonly positions: readonly [readonly number[], readonly number[]];
  /** Tokens of Part A, which all see. */
  readonly prefixLength: number;
}

export function twoRowBlankSample(blanks: Blanks, tokens: BlankIds): TwoRowSample {
  const { partA, spans } = blanks;
  const text = spans.flatMap(({ maskPosition, ids }) => Array<number>(ids.length + 1).fill(maskPosition));
  const inside = spans.flatMap(({ ids }) => Array.from({ length: ids.length + 1 }, (_, i) => i + 1));
  return {
    ...causalBlankSample(blanks, tokens),
    positions: [
      [...partA.keys(), ...text],
      [...partA.map(() => 0), ...inside],
    ],
    prefixLength: partA.length,
  };
}
