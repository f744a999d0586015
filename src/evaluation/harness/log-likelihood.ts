/**
 * ln P(continuation | context) of many pairs, in batches of like length. Rows are filled up on the right: a causal model does not
 * look there, and others are told by a mask. The same row is computed once, however many continuations it answers for, and
 * logits only where a continuation is predicted: they are the larger part of a small model's work.
 */
import type { Model } from "../../inference/index.ts";
import { familyNamed } from "../../models/index.ts";
import { CongError } from "../../support/index.ts";
import type { SplitIds } from "./encode.ts";

export interface LikelihoodOptions {
  /** Most logits of a batch held at once (predicted tokens · vocabulary). Default 2²⁵, which is 128 MiB. */
  readonly logitsAtOnce?: number | undefined;
  /** Most tokens of a batch, filled up to equal length. Default 4096. */
  readonly tokensAtOnce?: number | undefined;
  /** Most rows of a batch. Default 64. */
  readonly rowsAtOnce?: number | undefined;
  /** Told how many pairs are done. */
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Likelihood {
  /** Natural logarithm, summed over the continuation's tokens. */
  readonly logProbability: number;
  readonly tokens: number;
  /** Every token is the likeliest in its place. */
  readonly isGreedy: boolean;
  /** Tokens cut off the start of the context because the model's context is full. */
  readonly cut: number;
}

/** A row of ids, and the pairs whose continuations it predicts. */
interface Row {
  readonly ids: readonly number[];
  readonly targets: { readonly pair: number; readonly from: number; readonly ids: readonly number[] }[];
}

/**
 * @throws CongError `CANNOT_SCORE` for models that do not predict, `NOT_FINITE` for those that give no numbers, `BAD_ARGUMENT` for
 * an empty context or continuation
 */
export async function logLikelihoods(
  model: Model,
  pairs: readonly SplitIds[],
  options: LikelihoodOptions = {},
): Promise<Likelihood[]> {
  const { logitsAtOnce = 2 ** 25, tokensAtOnce = 4096, rowsAtOnce = 64, onProgress, signal } = options;
  const mostPlaces = Math.floor(logitsAtOnce / model.config.vocabulary);
  const { mask } = familyNamed(model.config.family);
  if (mask === "full") throw cannotScore(model);
  const cut = pairs.map((pair, i) => fitted(pair, i, model.config.contextLength + 1));
  const rows = rowsOf(cut.map(({ pair }) => pair));
  const found = new Array<Likelihood>(pairs.length);
  let done = 0;
  for (let first = 0; first < rows.length; ) {
    signal?.throwIfAborted();
    const T = rows[first]!.ids.length; // rows are sorted, the longest first
    const batch = nextBatch(rows, first, Math.min(rowsAtOnce, Math.floor(tokensAtOnce / T)), mostPlaces);
    first += batch.length;
    const inputs = inputsOf(batch, T, mask === "causal", model.config.padId ?? 0);
    const { logits } = await model.forward({ ...inputs, at: batch.flatMap(predicted) });
    const V = logits.shape[2];
    let place = 0; // of the first logits of a row
    for (const row of batch) {
      const [begin, end] = predictedColumns(row);
      for (const { pair, from, ids } of row.targets) {
        let [sum, isGreedy] = [0, true];
        ids.forEach((id, i) => {
          const at = (place + from - begin + i) * V;
          const scores = logits.data.subarray(at, at + V);
          const { logSum, largest } = summary(scores);
          sum += scores[id]! - logSum;
          isGreedy &&= scores[id]! === largest;
        });
        if (Number.isNaN(sum)) throw notFinite(pair);
        found[pair] = { logProbability: sum, tokens: ids.length, isGreedy, cut: cut[pair]!.cut };
        done++;
      }
      place += end - begin;
    }
    onProgress?.(done);
  }
  return found;
}

/** The pair with its context shortened from the start until it fits `limit` tokens (the last one is not read). */
function fitted({ context, target }: SplitIds, index: number, limit: number): { pair: SplitIds; cut: number } {
  if (context.length === 0 || target.length === 0 || target.length >= limit) {
    const sizes = `${context.length} and ${target.length} tokens`;
    throw new CongError(
      "BAD_ARGUMENT",
      `logLikelihoods: pair ${index} has a context and a continuation of ${sizes}`,
      { index, context: context.length, target: target.length, limit },
      `wanted at least one token each, and a continuation shorter than the model's context of ${limit - 1}`,
    );
  }
  const cut = Math.max(0, context.length + target.length - limit);
  return { pair: { context: context.slice(cut), target }, cut };
}

/** Rows with their continuations, the longest rows first, so that memory runs out at once or not at all. */
function rowsOf(pairs: readonly SplitIds[]): Row[] {
  const rows = new Map<string, Row>();
  pairs.forEach(({ context, target }, pair) => {
    const ids = [...context, ...target.slice(0, -1)];
    const key = ids.join();
    const row = rows.get(key) ?? { ids, targets: [] };
    rows.set(key, row);
    row.targets.push({ pair, from: context.length - 1, ids: target });
  });
  return [...rows.values()].sort((a, b) => b.ids.length - a.ids.length);
}

/** Columns of a row whose logits predict a continuation, end exclusive. */
const predictedColumns = ({ ids, targets }: Row): readonly [begin: number, end: number] => [
  Math.min(...targets.map(({ from }) => from)),
  ids.length,
];

function predicted(row: Row, index: number): (readonly [number, number])[] {
  const [begin, end] = predictedColumns(row);
  return Array.from({ length: end - begin }, (_, i) => [index, begin + i] as const);
}

/** Rows from `first` on, as many as may be computed at once; at least one. */
function nextBatch(rows: readonly Row[], first: number, mostRows: number, mostPlaces: number): readonly Row[] {
  let [end, places] = [first, 0];
  do {
    const [begin, to] = predictedColumns(rows[end]!);
    places += to - begin;
    if (end > first && places > mostPlaces) break;
    end++;
  } while (end < rows.length && end < first + mostRows);
  return rows.slice(first, end);
}

function inputsOf(batch: readonly Row[], T: number, isCausal: boolean, padId: number) {
  const fill = (ids: readonly number[], value: number): number[] => [
    ...ids,
    ...new Array<number>(T - ids.length).fill(value),
  ];
  const inputIds = batch.map(({ ids }) => fill(ids, padId));
  if (isCausal) return { inputIds };
  return {
    inputIds,
    attentionMask: batch.map(({ ids }) =>
      fill(
        ids.map(() => 1),
        0,
      ),
    ),
  };
}

function summary(scores: Float32Array): { logSum: number; largest: number } {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > largest) largest = scores[i]!;
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += Math.exp(scores[i]! - largest);
  return { logSum: largest + Math.log(sum), largest };
}

/** NaN is not larger than anything: without this, a broken model would be one that is always wrong. */
const notFinite = (pair: number): CongError =>
  new CongError(
    "NOT_FINITE",
    `logLikelihoods: the model's scores for pair ${pair} are NaN or infinite`,
    { pair },
    "its weights are broken or overflow in this precision: try --dtype float32, or an earlier checkpoint",
  );

const cannotScore = ({ config }: Model): CongError =>
  new CongError(
    "CANNOT_SCORE",
    `${config.family} reads whole texts and does not predict the next token`,
    { family: config.family },
    "evaluate a model that was trained to write",
  );
