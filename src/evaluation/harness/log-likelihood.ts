/**
 * ln P(continuation | context) of many pairs, in batches of equal length. Rows are filled up on the right: a causal model does not
 * look there, and others are told by a mask. The same row is computed once, however many continuations it answers for.
 */
import type { Model } from "../../inference/index.ts";
import { familyNamed } from "../../models/index.ts";
import { CongError } from "../../support/index.ts";
import type { SplitIds } from "./encode.ts";

export interface LikelihoodOptions {
  /** Most logits of a batch held at once (rows · tokens · vocabulary). Default 2²⁵, which is 128 MiB. */
  readonly logitsAtOnce?: number | undefined;
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

/** @throws CongError `CANNOT_SCORE` for models that do not predict, `BAD_ARGUMENT` for an empty context or continuation */
export async function logLikelihoods(
  model: Model,
  pairs: readonly SplitIds[],
  options: LikelihoodOptions = {},
): Promise<Likelihood[]> {
  const { logitsAtOnce = 2 ** 25, rowsAtOnce = 64, onProgress, signal } = options;
  const { mask } = familyNamed(model.config.family);
  if (mask === "full") throw cannotScore(model);
  const cut = pairs.map((pair, i) => fitted(pair, i, model.config.contextLength + 1));
  const rows = rowsOf(cut.map(({ pair }) => pair));
  const found = new Array<Likelihood>(pairs.length);
  let done = 0;
  for (let first = 0; first < rows.length; ) {
    signal?.throwIfAborted();
    const T = rows[first]!.ids.length; // rows are sorted, the longest first
    const most = Math.max(1, Math.floor(logitsAtOnce / (T * model.config.vocabulary)));
    const batch = rows.slice(first, first + Math.min(rowsAtOnce, most));
    first += batch.length;
    const { logits } = await model.forward(inputsOf(batch, T, mask === "causal", model.config.padId ?? 0));
    const [, columns, V] = logits.shape as readonly [number, number, number];
    batch.forEach(({ targets }, r) => {
      for (const { pair, from, ids } of targets) {
        let [sum, isGreedy] = [0, true];
        ids.forEach((id, i) => {
          const at = (r * columns + from + i) * V;
          const scores = logits.data.subarray(at, at + V);
          const { logSum, largest } = summary(scores);
          sum += scores[id]! - logSum;
          isGreedy &&= scores[id]! === largest;
        });
        found[pair] = { logProbability: sum, tokens: ids.length, isGreedy, cut: cut[pair]!.cut };
        done++;
      }
    });
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

const cannotScore = ({ config }: Model): CongError =>
  new CongError(
    "CANNOT_SCORE",
    `${config.family} reads whole texts and does not predict the next token`,
    { family: config.family },
    "evaluate a model that was trained to write",
  );
