/**
 * How sure a score is: bootstrap intervals (Efron 1979) and paired tests of two systems on the same examples, by bootstrap
 * (Koehn 2004) and by approximate randomisation (Riezler and Maxwell 2005). Everything follows from the seed.
 *
 * A statistic is a function of example numbers, so that corpus scores such as BLEU can be resampled from the counts of
 * their texts: `(picked) => bleuFromStatistics(picked.map((i) => rows[i])).score`.
 */
import { CongError, checkInteger, checkRange } from "../../support/index.ts";
import { createRandom, type Random } from "../../support/random.ts";

/** The score of a sample; the same number may occur several times. */
export type Statistic = (picked: readonly number[]) => number;

export interface ResamplingOptions {
  /** Default 1,000. */
  readonly resamples?: number;
  /** Default 0. */
  readonly seed?: number;
}

export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
  readonly signature: string;
}

/** Percentile interval of a statistic over `count` examples. Default level 0.95. Throws `BAD_ARGUMENT` where it is no number. */
export function bootstrapInterval(
  count: number,
  statistic: Statistic,
  options: ResamplingOptions & { readonly level?: number } = {},
): Interval {
  const { resamples = 1000, seed = 0, level = 0.95 } = options;
  checkInteger("bootstrapInterval", { count, resamples }, { min: 1 });
  checkRange("bootstrapInterval", { level }, { min: 0, max: 1 });
  const random = createRandom(seed);
  const scores = Array.from({ length: resamples }, () => statistic(sample(random, count))).sort((a, b) => a - b);
  const mean = scores.reduce((sum, score) => sum + score, 0) / resamples;
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / Math.max(1, resamples - 1);
  return {
    value: onAll(count, statistic),
    low: quantile(scores, (1 - level) / 2),
    high: quantile(scores, (1 + level) / 2),
    standardError: Math.sqrt(variance),
    signature: `bs:${resamples}|seed:${seed}|level:${level}`,
  };
}

/** The interval of a mean: `bootstrapInterval` for a list of values. */
export function bootstrapMean(
  values: readonly number[],
  options: ResamplingOptions & { readonly level?: number } = {},
): Interval {
  return bootstrapInterval(values.length, meanOf(values), options);
}

export interface PairedTest {
  /** Score of the first system minus that of the second. */
  readonly difference: number;
  /** Chance of a difference at least this large, in either direction, if the systems were equally good. */
  readonly pValue: number;
  readonly signature: string;
}

/** Paired bootstrap: both systems are scored on the same resampled examples, and the differences are centred on 0. Throws as above. */
export function pairedBootstrap(
  count: number,
  first: Statistic,
  second: Statistic,
  options: ResamplingOptions = {},
): PairedTest {
  const { resamples = 1000, seed = 0 } = options;
  checkInteger("pairedBootstrap", { count, resamples }, { min: 1 });
  const random = createRandom(seed);
  const difference = onAll(count, first) - onAll(count, second);
  const differences = Array.from({ length: resamples }, () => {
    const picked = sample(random, count);
    return first(picked) - second(picked);
  });
  const mean = differences.reduce((sum, value) => sum + value, 0) / resamples;
  const asLarge = differences.filter((value) => Math.abs(value - mean) >= Math.abs(difference)).length;
  return { difference, pValue: (asLarge + 1) / (resamples + 1), signature: `paired-bs:${resamples}|seed:${seed}` };
}

/**
 * Approximate randomisation: each example's two outputs are swapped by the toss of a coin. `statistic` scores a list that
 * names, per example, whose output stands there: 0 the first system's, 1 the second's.
 */
export function pairedRandomization(
  count: number,
  statistic: (systems: readonly (0 | 1)[]) => number,
  options: ResamplingOptions = {},
): PairedTest {
  const { resamples = 1000, seed = 0 } = options;
  checkInteger("pairedRandomization", { count, resamples }, { min: 1 });
  const random = createRandom(seed);
  const apart = (systems: readonly (0 | 1)[]) =>
    statistic(systems) - statistic(systems.map((system) => (system === 0 ? 1 : 0)));
  const difference = apart(new Array<0>(count).fill(0));
  let asLarge = 0;
  for (let round = 0; round < resamples; round++) {
    const systems = Array.from({ length: count }, () => random.integer(2) as 0 | 1);
    // Rounding may move a difference that is exactly as large by a few bits.
    if (Math.abs(apart(systems)) >= Math.abs(difference) - 1e-12 * Math.abs(difference)) asLarge++;
  }
  return { difference, pValue: (asLarge + 1) / (resamples + 1), signature: `paired-ar:${resamples}|seed:${seed}` };
}

/** The statistic that is a mean of values per example. */
export function meanOf(values: readonly number[]): Statistic {
  if (values.length === 0)
    throw new CongError("BAD_ARGUMENT", "meanOf: no values", {}, "a mean needs at least one value");
  return (picked) => picked.reduce((sum, i) => sum + (values[i] as number), 0) / picked.length;
}

function sample(random: Random, count: number): number[] {
  const picked = new Array<number>(count);
  for (let i = 0; i < count; i++) picked[i] = random.integer(count);
  return picked;
}

function onAll(count: number, statistic: Statistic): number {
  const score = statistic(Array.from({ length: count }, (_, i) => i));
  if (!Number.isNaN(score)) return score;
  throw new CongError(
    "BAD_ARGUMENT",
    `the statistic of all ${count} examples is NaN`,
    { count },
    `it must give a number for any examples numbered from 0 to ${count - 1}: has it values for all of them?`,
  );
}

/** Linear between neighbours, as NumPy's default. `sorted` ascends. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (at - below);
}
