/**
 * Answers to prompts: whole, or as a stream. Joins what the parts below make: sessions, the decoding loop or beams, and text.
 */

import { CongError } from "../support/errors.ts";
import type { Tokenizer } from "../tokenizers/index.ts";
import { beamSearch } from "./beam-search.ts";
import { checkPrompts } from "./check-prompts.ts";
import { type DecodedToken, type DecodeOptions, decode, defaultMaxNewTokens, type FinishReason } from "./decode.ts";
import type { DecodingSession } from "./decoding-session.ts";
import type { TokenLogProbability } from "./log-probabilities.ts";
import { type PromptLookupOptions, promptLookup } from "./prompt-lookup.ts";
import { createRowText, type RowText } from "./row-text.ts";

export interface SessionNeeds {
  readonly rows: number;
  /** Tokens that are likely to come after the prompts. */
  readonly expected: number;
  /** Several tokens may be fed at once after the prompt. */
  readonly guesses: boolean;
}

/** What generating needs of a model. */
export interface Generator {
  /** A fresh session of so many rows. */
  readonly session: (options: SessionNeeds) => DecodingSession;
  readonly tokenizer: Tokenizer | undefined;
  /** V */
  readonly vocabulary: number;
  /** Most tokens of prompt and answer together. */
  readonly limit: number;
  /** Tokens that end an answer unless the request names others. */
  readonly endIds: readonly number[];
  readonly padId: number | undefined;
  /** Ids that belong to no token of the tokenizer. */
  readonly unusedIds: readonly number[];
}

type DecodeSettings = Omit<DecodeOptions, "endIds" | "usedVocabulary" | "propose" | "shouldStop" | "padId">;

export interface GenerationOptions extends DecodeSettings {
  /** An answer ends with one of these. Default: those of the model. */
  readonly endIds?: readonly number[] | undefined;
  /** An answer ends before one of these texts; needs the tokenizer. */
  readonly stop?: string | readonly string[] | undefined;
  /** Guess tokens from the prompt and check several in one run; the answer is the same. One prompt at a time. */
  readonly promptLookup?: boolean | PromptLookupOptions | undefined;
}

export interface BeamSettings {
  /** Beam search with this many beams. Default 1: none. */
  readonly beams?: number | undefined;
  /** See `BeamOptions`. Default 1. */
  readonly lengthPenalty?: number | undefined;
  /** See `BeamOptions`. Default false. */
  readonly earlyStopping?: boolean | "never" | undefined;
}

/** One answer. */
export interface Answer {
  /** New tokens, the end token included. */
  readonly ids: readonly number[];
  /** Without end token, special tokens and stop string; undefined without a tokenizer. */
  readonly text: string | undefined;
  readonly finish: FinishReason;
  /** The stop string that ended it. */
  readonly stoppedBy?: string;
  /** One a token, where asked for. */
  readonly logProbabilities?: readonly AnswerLogProbability[];
  /** Of beam search: log-probability over length^lengthPenalty. */
  readonly score?: number;
}

export interface AnswerLogProbability extends TokenLogProbability {
  /** The likeliest tokens in its place. */
  readonly alternatives: readonly TokenLogProbability[];
}

/** One token of a stream. */
export interface StreamPart {
  readonly id: number;
  /** Text that this token completes; often "" while a character or a possible stop string is open. */
  readonly text: string;
  readonly logProbability?: number;
  readonly alternatives?: readonly TokenLogProbability[];
  /** On the last part. */
  readonly finish?: FinishReason;
  readonly stoppedBy?: string;
}

/** One answer for each prompt. */
export async function generateAnswers(
  generator: Generator,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions & BeamSettings,
): Promise<Answer[]> {
  checkPrompts(prompts, generator);
  if ((options.beams ?? 1) !== 1) return beamAnswers(generator, prompts, options);
  const tokens: DecodedToken[][] = prompts.map(() => []);
  const texts = textsOf(generator, prompts.length, options);
  for await (const step of decodeTokens(generator, prompts, options, texts)) {
    for (const token of step) tokens[token.row]!.push(token);
  }
  return tokens.map((row, i) => answerOf(row, texts?.[i], options));
}

/** The answer to one prompt, token by token. Ending the loop early frees the session. */
export async function* streamAnswer(
  generator: Generator,
  prompt: readonly number[],
  options: GenerationOptions,
): AsyncGenerator<StreamPart, void, undefined> {
  checkPrompts([prompt], generator);
  const texts = textsOf(generator, 1, options);
  for await (const step of decodeTokens(generator, [prompt], options, texts)) {
    for (const { row: _, ...token } of step) {
      const stoppedBy = texts?.[0]?.stoppedBy;
      yield { ...token, text: texts?.[0]?.take() ?? "", ...(stoppedBy === undefined ? {} : { stoppedBy }) };
    }
  }
}

/** The decoding loop over a session of its own; texts are kept up to date with the tokens. */
async function* decodeTokens(
  generator: Generator,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions,
  texts: readonly RowText[] | undefined,
): AsyncGenerator<DecodedToken[], void, undefined> {
  const { stop: _, promptLookup: lookup, ...settings } = options;
  const session = generator.session({
    rows: prompts.length,
    expected: options.maxNewTokens ?? defaultMaxNewTokens,
    guesses: Boolean(lookup),
  });
  try {
    const steps = decode(session, prompts, {
      ...settings,
      ...limits(generator, options),
      propose: lookup ? promptLookup(lookup === true ? {} : lookup) : undefined,
      shouldStop: texts === undefined ? undefined : (row, id) => texts[row]!.push(id),
    });
    for await (const step of steps) {
      for (const { row, finish } of step) if (finish !== undefined) texts?.[row]?.finish();
      yield step;
    }
  } finally {
    await session.dispose();
  }
}

const limits = (generator: Generator, options: GenerationOptions) => ({
  endIds: options.endIds ?? generator.endIds,
  padId: generator.padId,
  suppressIds: [...generator.unusedIds, ...(options.suppressIds ?? [])],
});

function textsOf(generator: Generator, rows: number, options: GenerationOptions): RowText[] | undefined {
  const { tokenizer } = generator;
  const stops = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  if (tokenizer !== undefined) {
    return Array.from({ length: rows }, () => createRowText(tokenizer, stops, options.endIds ?? generator.endIds));
  }
  if (stops.length === 0) return undefined;
  throw new CongError(
    "NO_TOKENIZER",
    "generate: stop strings are given, but this model has no tokenizer",
    { stop: stops },
    "load the model from a folder with its tokenizer, or stop at token ids with endIds",
  );
}

function answerOf(tokens: readonly DecodedToken[], text: RowText | undefined, options: GenerationOptions): Answer {
  return {
    ids: tokens.map(({ id }) => id),
    text: text?.take(),
    finish: tokens.at(-1)?.finish ?? "length",
    ...(text?.stoppedBy === undefined ? {} : { stoppedBy: text.stoppedBy }),
    ...(options.logProbabilities === undefined
      ? {}
      : {
          logProbabilities: tokens.map(({ id, logProbability, alternatives }) => ({
            id,
            logProbability: logProbability!,
            alternatives: alternatives!,
          })),
        }),
  };
}

/** What beam search cannot do. */
const notWithBeams = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "typicalP",
  "stop",
  "promptLookup",
  "logProbabilities",
] as const;

async function beamAnswers(
  generator: Generator,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions & BeamSettings,
): Promise<Answer[]> {
  const { beams = 1 } = options;
  const unfit = notWithBeams.find((name) => options[name]);
  if (unfit !== undefined) {
    throw new CongError(
      "BAD_ARGUMENT",
      `generate: ${unfit} together with beams`,
      { option: unfit },
      `leave out ${unfit} or beams`,
    );
  }
  const session = generator.session({
    rows: prompts.length * Math.max(1, beams), // a wrong number of beams is refused below
    expected: options.maxNewTokens ?? defaultMaxNewTokens,
    guesses: false,
  });
  try {
    const found = await beamSearch(session, prompts, { ...options, ...limits(generator, options), beams });
    return found.map(([best]) => {
      const { ids = [], finish = "length", score } = best ?? {};
      const texts = textsOf(generator, 1, options);
      for (const id of ids) texts?.[0]?.push(id);
      texts?.[0]?.finish();
      return { ids, text: texts?.[0]?.take(), finish, ...(score === undefined ? {} : { score }) };
    });
  } finally {
    await session.dispose();
  }
}
