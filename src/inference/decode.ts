/**
 * The loop that makes text one token at a time: feed, filter, choose, stop. Batches, seeds, log-probabilities, cancelling and
 * guessed tokens are here; text is not (`shouldStop` lets it end a row).
 *
 * Guesses (speculative decoding) are fed together with the last token, and each is kept only if it is what would have been
 * chosen anyway. So the answer is that of plain decoding, also when sampling, and only the number of runs is smaller.
 */
import { checkInteger } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import { createRandom, type Random } from "../support/random.ts";
import { checkPrompts } from "./check-prompts.ts";
import { type DecodingSession, type Logits, logitsAt } from "./decoding-session.ts";
import { createFilters, type Filter, type FilterOptions, isSampling } from "./filters/index.ts";
import { likeliestTokens, logProbabilityOf, type TokenLogProbability } from "./log-probabilities.ts";
import type { Proposer } from "./prompt-lookup.ts";
import { likeliest, sample } from "./sampling.ts";

export interface DecodeOptions extends FilterOptions {
  /** Most tokens of an answer. Default 256. An answer also ends where the model's context does. */
  readonly maxNewTokens?: number | undefined;
  /** An answer ends with one of these. */
  readonly endIds: readonly number[];
  /** Ids from here on belong to no token of the tokenizer and never come. */
  readonly usedVocabulary?: number | undefined;
  /** For sampling; the same seed gives the same answer, whatever else is in the batch. Default 0. */
  readonly seed?: number | bigint | undefined;
  /** Ends the work between two tokens with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Log-probability of each token, and of this many likeliest ones beside it (0: only its own). Default: none. */
  readonly logProbabilities?: number | undefined;
  /** Guesses tokens to check several in one run; for one prompt at a time. */
  readonly propose?: Proposer | undefined;
  /** Called with each new token; true ends the row. */
  readonly shouldStop?: ((row: number, id: number) => boolean) | undefined;
  /** What finished rows are fed while others go on. Default 0. */
  readonly padId?: number | undefined;
}

/** "stop": an end token or `shouldStop`; "length": no more tokens allowed. */
export type FinishReason = "stop" | "length";

export interface DecodedToken {
  readonly row: number;
  readonly id: number;
  /** ln of the probability that the model gave it, before filters. */
  readonly logProbability?: number;
  /** The likeliest tokens in its place. */
  readonly alternatives?: readonly TokenLogProbability[];
  /** Set on the last token of the row. */
  readonly finish?: FinishReason;
}

interface Row {
  readonly ids: number[];
  readonly promptLength: number;
  readonly random: Random;
  finished: boolean;
}

export const defaultMaxNewTokens = 256;

/**
 * Yields the tokens of all rows as they come: one a row and step, more where guesses were right.
 * @throws CongError `BAD_ARGUMENT`, `ID_OUT_OF_RANGE`, `PROMPT_TOO_LONG`, `NO_TOKEN_LEFT`, `NOT_A_NUMBER`
 */
export async function* decode(
  session: DecodingSession,
  prompts: readonly (readonly number[])[],
  options: DecodeOptions,
): AsyncGenerator<DecodedToken[], void, undefined> {
  const plan = planOf(session, prompts, options);
  const { propose, signal } = options;
  const rows = prompts.map((ids, row) => rowOf(ids, plan.random.fork(row)));
  if (plan.most === 0) return;
  signal?.throwIfAborted();
  let logits = await session.feed(prompts);
  let guesses: readonly number[] = [];
  for (;;) {
    let column = 0;
    for (;;) {
      signal?.throwIfAborted();
      const tokens = step(rows, logits, column, plan, options);
      yield tokens;
      if (rows.every(({ finished }) => finished)) return;
      if (column >= guesses.length || guesses[column] !== tokens[0]!.id) break;
      column++;
    }
    session.truncate(session.length - (guesses.length - column));
    signal?.throwIfAborted();
    const [first] = rows as [Row];
    const room = plan.most - (first.ids.length - first.promptLength) - 1;
    guesses = propose === undefined ? [] : propose(first.ids, room);
    const next = rows.map(({ ids, finished }) => (finished ? (options.padId ?? 0) : ids.at(-1)!));
    const fed = next.map((id) => [id, ...guesses]);
    logits = await session.feed(fed, { logits: guesses.length > 0 ? "all" : "last" });
  }
}

interface Plan {
  readonly filters: readonly Filter[];
  readonly random: Random;
  /** Tokens that an answer may have. */
  readonly most: number;
}

function planOf(session: DecodingSession, prompts: readonly (readonly number[])[], options: DecodeOptions): Plan {
  const { maxNewTokens = defaultMaxNewTokens, logProbabilities, seed = 0, endIds, usedVocabulary } = options;
  const { vocabulary, limit } = session;
  checkInteger("generate", { maxNewTokens }, { min: 0 });
  if (logProbabilities !== undefined) checkInteger("generate", { logProbabilities }, { min: 0, max: vocabulary });
  checkPrompts(prompts, session);
  if (options.propose !== undefined && prompts.length > 1) {
    throw new CongError(
      "BAD_ARGUMENT",
      `generate: speculative decoding of ${prompts.length} prompts at once`,
      { prompts: prompts.length },
      "rows of a batch would go on at different speeds: generate one prompt at a time, or leave speculation out",
    );
  }
  const longest = Math.max(...prompts.map((ids) => ids.length));
  return {
    filters: createFilters(options, { vocabulary, usedVocabulary, endIds }),
    random: createRandom(seed),
    most: Math.min(maxNewTokens, limit - longest),
  };
}

const rowOf = (ids: readonly number[], random: Random): Row => ({
  ids: [...ids],
  promptLength: ids.length,
  random,
  finished: false,
});

/** Chooses one token for every row that is not finished. */
function step(
  rows: readonly Row[],
  logits: Logits,
  column: number,
  plan: Plan,
  options: DecodeOptions,
): DecodedToken[] {
  const tokens: DecodedToken[] = [];
  rows.forEach((row, at) => {
    if (row.finished) return;
    const scores = logitsAt(logits, at, column);
    const { logProbabilities } = options;
    // The filters write over the scores, so what the model itself says is kept before.
    const raw = logProbabilities === undefined ? undefined : scores.slice();
    for (const filter of plan.filters) filter(scores, row);
    const id = isSampling(options) ? sample(scores, row.random) : likeliest(scores);
    row.ids.push(id);
    const finish = finishOf(row, at, id, plan.most, options);
    row.finished = finish !== undefined;
    tokens.push({
      row: at,
      id,
      ...(raw === undefined ? {} : { logProbability: logProbabilityOf(raw, id) }),
      ...(raw === undefined ? {} : { alternatives: likeliestTokens(raw, logProbabilities!) }),
      ...(finish === undefined ? {} : { finish }),
    });
  });
  return tokens;
}

function finishOf(row: Row, at: number, id: number, most: number, options: DecodeOptions): FinishReason | undefined {
  const asked = options.shouldStop?.(at, id) ?? false; // always told, so that it sees every token
  if (asked || options.endIds.includes(id)) return "stop";
  return row.ids.length - row.promptLength >= most ? "length" : undefined;
}
