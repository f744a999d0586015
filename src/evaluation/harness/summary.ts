/** From results of items to figures with intervals, a chance line where there is one, and what may be concluded. */
import {
  bitsPerByte,
  bitsPerCharacter,
  bootstrapInterval,
  type Interval,
  meanOf,
  perplexity,
  type Statistic,
  wilsonInterval,
} from "../metrics/index.ts";
import type { GenerationItem, GenerationTask } from "./task.ts";

export interface Figure {
  readonly name: string;
  readonly title: string;
  readonly titleZh: string;
  readonly value: number;
  /** 95 % interval by bootstrap; by Wilson's formula for a share of which every item is 0 or every item 1. */
  readonly low: number;
  readonly high: number;
  /** How the value is written: a share as per cent. */
  readonly unit: "share" | "plain";
  /** What guessing would reach. */
  readonly chance?: number;
  /** The interval contains the chance line: nothing shows that the model knows anything. */
  readonly onChance?: boolean;
  /** What people's texts reach. */
  readonly reference?: number;
  /** Items behind the value. */
  readonly items: number;
}

export interface ChoiceResult {
  readonly id: string;
  readonly group?: string | undefined;
  readonly answer: number;
  /** ln P of each choice. */
  readonly logProbabilities: readonly number[];
  /** UTF-8 bytes of each choice. */
  readonly bytes: readonly number[];
  /** ln P of each choice with nothing before it, for tasks that compare by information. */
  readonly alone?: readonly number[] | undefined;
}

/** The choice with the largest score; the first of equals. */
const best = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores));

export const isRight = ({ answer, logProbabilities }: ChoiceResult): boolean => best(logProbabilities) === answer;

/** Compared by ln P for each byte, so that long choices are not at a disadvantage. */
export const isRightPerByte = ({ answer, logProbabilities, bytes }: ChoiceResult): boolean =>
  best(logProbabilities.map((value, i) => value / Math.max(1, bytes[i]!))) === answer;

/**
 * Compared by ln P(choice | context) − ln P(choice), the information that the context gives about the choice: a choice that
 * is likely anywhere has no advantage (Brown et al. 2020, section 2.4).
 */
const isRightByInformation = ({ answer, logProbabilities, alone }: ChoiceResult): boolean =>
  best(logProbabilities.map((value, i) => value - alone![i]!)) === answer;

/** Accuracy by each way to compare; the mean over groups where items have them. */
export function choiceFigures(results: readonly ChoiceResult[], seed: number): Figure[] {
  const chance = results.reduce((sum, { logProbabilities }) => sum + 1 / logProbabilities.length, 0) / results.length;
  const groups = groupNumbers(results.map(({ group }) => group));
  const figure = (name: string, title: string, titleZh: string, right: (result: ChoiceResult) => boolean): Figure => {
    const values = results.map((result) => (right(result) ? 1 : 0));
    const { value, low, high } = shareInterval(values, meanOverGroups(values, groups), seed);
    const onChance = low <= chance && chance <= high;
    return { name, title, titleZh, value, low, high, unit: "share", chance, onChance, items: values.length };
  };
  return [
    figure("accuracy", "accuracy", "准确率", isRight),
    figure("accuracy_per_byte", "accuracy, by likelihood per byte", "准确率（按字节归一）", isRightPerByte),
    ...(results.every(({ alone }) => alone !== undefined)
      ? [
          figure(
            "accuracy_by_information",
            "accuracy, by what the context adds to the likelihood",
            "准确率（按上文带来的信息）",
            isRightByInformation,
          ),
        ]
      : []),
  ];
}

/** Accuracy in each group, in the order of their names, by the way to compare that the report leads with. */
export function groupAccuracies(
  results: readonly ChoiceResult[],
  right: (result: ChoiceResult) => boolean,
): { group: string; items: number; value: number }[] {
  const groups = new Map<string, ChoiceResult[]>();
  for (const result of results) {
    if (result.group === undefined) continue;
    groups.set(result.group, [...(groups.get(result.group) ?? []), result]);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, own]) => ({ group, items: own.length, value: own.filter(right).length / own.length }));
}

/** Resamples of items that came out alike are alike too: their interval would be a point, however few they are. */
function shareInterval(
  values: readonly number[],
  statistic: Statistic,
  seed: number,
): Pick<Interval, "value" | "low" | "high"> {
  const count = values.length;
  const [first] = values;
  const isAlike = (first === 0 || first === 1) && values.every((value) => value === first);
  return isAlike ? wilsonInterval(first * count, count) : bootstrapInterval(count, statistic, { seed });
}

function groupNumbers(names: readonly (string | undefined)[]): readonly number[] {
  const numbers = new Map<string | undefined, number>();
  for (const name of names) if (!numbers.has(name)) numbers.set(name, numbers.size);
  return names.map((name) => numbers.get(name)!);
}

/** The mean of the groups' means; of groups that a resample does not hold, nothing. */
function meanOverGroups(values: readonly number[], groups: readonly number[]) {
  const count = Math.max(...groups) + 1;
  return (picked: readonly number[]): number => {
    const sums = new Float64Array(count);
    const sizes = new Float64Array(count);
    for (const i of picked) {
      sums[groups[i]!]! += values[i]!;
      sizes[groups[i]!]!++;
    }
    let [total, present] = [0, 0];
    for (let group = 0; group < count; group++) {
      if (sizes[group] === 0) continue;
      total += sums[group]! / sizes[group]!;
      present++;
    }
    return total / present;
  };
}

export interface GenerationResult {
  readonly id: string;
  readonly group?: string | undefined;
  readonly output: string;
  readonly scores: Readonly<Record<string, number>>;
}

/** The mean of every score over the items that have it. */
export function generationFigures(
  task: GenerationTask,
  items: readonly GenerationItem[],
  results: readonly GenerationResult[],
  seed: number,
): Figure[] {
  const references = task.reference?.(items) ?? {};
  return Object.entries(task.scores).flatMap(([name, titles]) => {
    const values = results.flatMap(({ scores }) => (scores[name] === undefined ? [] : [scores[name]]));
    if (values.length === 0) return [];
    const { value, low, high } = shareInterval(values, meanOf(values), seed);
    const reference = references[name];
    return [
      {
        ...{ name, ...titles, value, low, high, unit: "share" as const, items: values.length },
        ...(reference === undefined ? {} : { reference }),
      },
    ];
  });
}

export interface TextResult {
  readonly id: string;
  readonly negativeLogLikelihood: number;
  readonly tokens: number;
  /** Unicode code points. */
  readonly characters: number;
  /** UTF-8 bytes. */
  readonly bytes: number;
}

/** Totals over all texts: a long text counts more than a short one. */
export function textFigures(results: readonly TextResult[], seed: number): Figure[] {
  const sum = (picked: readonly number[], key: "negativeLogLikelihood" | "tokens" | "characters" | "bytes") =>
    picked.reduce((total, i) => total + results[i]![key], 0);
  const figure = (
    name: string,
    title: string,
    titleZh: string,
    statistic: (picked: readonly number[]) => number,
  ): Figure => {
    const { value, low, high } = bootstrapInterval(results.length, statistic, { seed });
    return { name, title, titleZh, value, low, high, unit: "plain", items: results.length };
  };
  const nats = (picked: readonly number[]): number => sum(picked, "negativeLogLikelihood");
  return [
    figure("bits_per_character", "bits per character", "每字比特数", (picked) =>
      bitsPerCharacter(nats(picked), { characters: sum(picked, "characters") }),
    ),
    figure("bits_per_byte", "bits per byte", "每字节比特数", (picked) =>
      bitsPerByte(nats(picked), { bytes: sum(picked, "bytes") }),
    ),
    figure("perplexity", "perplexity of a token", "困惑度（每词元）", (picked) =>
      perplexity(nats(picked), sum(picked, "tokens")),
    ),
  ];
}
