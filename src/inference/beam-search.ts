/**
 * Beam search (Graves 2012): the text is grown along its most probable continuations at the same time. Rules and rounding
 * are those of Hugging Face `generate`, so results are the same token by token:
 *
 * - Scores are sums of log-probabilities in float32, after the filters.
 * - Of each step the best (1 + end tokens, at least 2) × beams candidates are looked at: enough that `beams` of them go on.
 *   Only those among the first `beams` may finish.
 * - A finished text has its score divided by length^lengthPenalty; the best `beams` are kept. A prompt is done when the best
 *   running beam, at its present length, could not beat the worst of them (`earlyStopping` changes that).
 */
import { checkInteger, checkOneOf, checkRange } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import { checkPrompts } from "./check-prompts.ts";
import { type DecodeOptions, defaultMaxNewTokens, type FinishReason } from "./decode.ts";
import { type DecodingSession, logitsAt } from "./decoding-session.ts";
import { createFilters, type Filter, logSumOfExponentials } from "./filters/index.ts";
import { nothingLeft } from "./sampling.ts";

/** Beams do not sample. */
type SamplingOption = "temperature" | "topK" | "topP" | "minP" | "typicalP";

export interface BeamOptions
  extends Omit<DecodeOptions, "seed" | "logProbabilities" | "propose" | "shouldStop" | SamplingOption> {
  /** Texts grown at the same time for each prompt; the session has this many rows for each. */
  readonly beams: number;
  /** Above 0 favours long answers, below 0 short ones. Default 1: mean log-probability. */
  readonly lengthPenalty?: number | undefined;
  /**
   * When a prompt is done: false (default) when the running beams look worse than the finished; true as soon as `beams`
   * texts are finished; "never" only when the running beams cannot get better than the finished.
   */
  readonly earlyStopping?: boolean | "never" | undefined;
  /** Best texts returned for each prompt. Default 1. */
  readonly results?: number | undefined;
}

export interface BeamResult {
  /** New tokens, the end token included. */
  readonly ids: readonly number[];
  /** Sum of log-probabilities over length^lengthPenalty. */
  readonly score: number;
  readonly finish: FinishReason;
}

interface Beam {
  /** New tokens. */
  readonly ids: readonly number[];
  readonly score: number;
}

interface Candidate extends Beam {
  /** Beam that it continues. */
  readonly parent: number;
}

interface Item {
  readonly prompt: readonly number[];
  running: readonly Beam[];
  finished: readonly BeamResult[];
  done: boolean;
}

/** Where the beams beside the first start, so that the first step does not take the same token several times. */
const unlikely = -1e9;

/**
 * The best texts of each prompt, best first.
 * @param session of prompts × beams rows, nothing fed
 * @throws CongError as `decode`, and `BAD_ARGUMENT` for sampling options
 */
export async function beamSearch(
  session: DecodingSession,
  prompts: readonly (readonly number[])[],
  options: BeamOptions,
): Promise<BeamResult[][]> {
  const { beams, signal } = options;
  const plan = planOf(session, prompts, options);
  const items: Item[] = prompts.map((prompt) => ({
    prompt,
    running: Array.from({ length: beams }, (_, i) => ({ ids: [], score: i === 0 ? 0 : unlikely })),
    finished: [],
    done: plan.most === 0,
  }));
  signal?.throwIfAborted();
  let logits =
    plan.most === 0 ? undefined : await session.feed(prompts.flatMap((ids) => items[0]!.running.map(() => ids)));
  for (let length = 1; items.some(({ done }) => !done); length++) {
    signal?.throwIfAborted();
    const parents = items.flatMap((item, at) => {
      const rows = item.running.map((_, beam) => logitsAt(logits!, at * beams + beam, 0));
      const chosen = item.done ? item.running.map((_, beam) => beam) : advance(item, rows, length, plan);
      return chosen.map((beam) => at * beams + beam);
    });
    if (items.every(({ done }) => done)) break;
    await session.reorder(parents);
    const last = items.flatMap(({ running, done }) =>
      running.map(({ ids }) => (done ? (options.padId ?? 0) : ids.at(-1)!)),
    );
    logits = await session.feed(last.map((id) => [id]));
  }
  return items.map(({ finished }) => finished.slice(0, options.results ?? 1));
}

interface Plan {
  readonly filters: readonly Filter[];
  readonly beams: number;
  readonly candidates: number;
  readonly endIds: ReadonlySet<number>;
  /** Tokens that an answer may have. */
  readonly most: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | "never";
}

function planOf(session: DecodingSession, prompts: readonly (readonly number[])[], options: BeamOptions): Plan {
  const { beams, lengthPenalty = 1, earlyStopping = false, results = 1, maxNewTokens = defaultMaxNewTokens } = options;
  checkInteger("beamSearch", { beams }, { min: 1 });
  checkInteger("beamSearch", { results }, { min: 1, max: beams });
  checkInteger("beamSearch", { maxNewTokens }, { min: 0 });
  checkRange("beamSearch", { lengthPenalty });
  checkOneOf("beamSearch", { earlyStopping }, [true, false, "never"]);
  checkPrompts(prompts, session);
  if (session.rows !== prompts.length * beams) {
    throw new CongError(
      "BAD_ARGUMENT",
      `beamSearch: ${prompts.length} prompts with ${beams} beams in a session of ${session.rows} rows`,
      { prompts: prompts.length, beams, rows: session.rows },
      `make a session of ${prompts.length * beams} rows`,
    );
  }
  const { vocabulary, limit } = session;
  const { usedVocabulary } = options;
  const endIds = new Set(options.endIds);
  return {
    filters: createFilters({ ...options, temperature: 0 }, { vocabulary, usedVocabulary, endIds: options.endIds }),
    beams,
    candidates: Math.max(2, 1 + endIds.size) * beams,
    endIds,
    most: Math.min(maxNewTokens, limit - Math.max(...prompts.map((ids) => ids.length))),
    lengthPenalty,
    earlyStopping,
  };
}

/** One step of one prompt. Returns the beam that each running beam continues. */
function advance(item: Item, rows: readonly Float32Array[], length: number, plan: Plan): number[] {
  const candidates = bestCandidates(item, rows, plan);
  const isEnd = ({ ids }: Beam) => plan.endIds.has(ids.at(-1)!);
  const atLimit = length >= plan.most;
  const closing = candidates.slice(0, plan.beams).filter((candidate) => atLimit || isEnd(candidate));
  const newly = closing.map(
    (candidate): BeamResult => ({
      ids: candidate.ids,
      score: Math.fround(candidate.score / Math.fround(length ** plan.lengthPenalty)),
      finish: isEnd(candidate) ? "stop" : "length",
    }),
  );
  item.finished = [...item.finished, ...newly].sort((a, b) => b.score - a.score).slice(0, plan.beams);
  const running = candidates.filter((candidate) => !isEnd(candidate)).slice(0, plan.beams);
  item.done = atLimit || running.length === 0 || isSettled(item, running[0]!, length, plan);
  if (item.done) {
    if (item.finished.length === 0) throw nothingLeft();
    return item.running.map((_, beam) => beam);
  }
  // So much may be forbidden that fewer go on; copies that never win keep the number of rows.
  while (running.length < plan.beams) running.push({ ...running[0]!, score: 2 * unlikely });
  item.running = running;
  return running.map(({ parent }) => parent);
}

/** Whether no running beam is expected to change the finished ones. */
function isSettled({ finished }: Item, best: Beam, length: number, plan: Plan): boolean {
  if (finished.length < plan.beams) return false;
  if (plan.earlyStopping === true) return true;
  const reach = plan.earlyStopping === "never" && plan.lengthPenalty > 0 ? plan.most : length;
  return !(Math.fround(best.score / Math.fround(reach ** plan.lengthPenalty)) > finished.at(-1)!.score);
}

/** The best continuations over all beams, best first; of equals the smaller beam and id first. */
function bestCandidates({ prompt, running }: Item, rows: readonly Float32Array[], plan: Plan): Candidate[] {
  const best: { score: number; parent: number; id: number }[] = [];
  running.forEach((beam, parent) => {
    const scores = logProbabilities(rows[parent]!);
    const context = { ids: [...prompt, ...beam.ids], promptLength: prompt.length };
    for (const filter of plan.filters) filter(scores, context);
    let worst = best.length < plan.candidates ? -Infinity : best.at(-1)!.score;
    for (let id = 0; id < scores.length; id++) {
      const score = Math.fround(scores[id]! + beam.score);
      if (!(score > worst)) continue;
      best.splice(placeOf(best, score), 0, { score, parent, id });
      if (best.length > plan.candidates) best.pop();
      if (best.length === plan.candidates) worst = best.at(-1)!.score;
    }
  });
  return best.map(({ score, parent, id }) => ({ ids: [...running[parent]!.ids, id], score, parent }));
}

/** Behind all entries that are at least as good. */
function placeOf(best: readonly { readonly score: number }[], score: number): number {
  let place = best.length;
  while (place > 0 && best[place - 1]!.score < score) place--;
  return place;
}

function logProbabilities(logits: Float32Array): Float32Array {
  const total = logSumOfExponentials(logits);
  if (Number.isNaN(total)) {
    throw new CongError(
      "NOT_A_NUMBER",
      "beamSearch: the model's scores are not numbers",
      {},
      "the weights are damaged or overflow; check them for NaN",
    );
  }
  return logits.map((logit) => logit - total);
}
