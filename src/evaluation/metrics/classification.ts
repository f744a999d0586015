/**
 * Counts of right and wrong labels: accuracy, confusion matrix, precision, recall, F1, Matthews correlation, Cohen's kappa.
 * Definitions and averages are scikit-learn's; where a quotient has no denominator, it is 0.
 */
import { CongError } from "../../support/index.ts";
import { checkPairs } from "./arguments.ts";

export type Label = string | number;

/** Share of predictions that equal the truth. */
export function accuracy(truth: readonly Label[], predicted: readonly Label[]): number {
  checkPairs("accuracy", ["true labels", "predicted labels"], truth, predicted);
  return truth.filter((label, i) => label === predicted[i]).length / truth.length;
}

export interface ConfusionMatrix {
  /** Sorted: numbers by size, then texts by code unit. */
  readonly labels: readonly Label[];
  /** `counts[i][j]`: truth `labels[i]`, predicted `labels[j]`. */
  readonly counts: readonly (readonly number[])[];
}

/** Throws `UNKNOWN_LABEL` when `labels` is given and does not hold all that occur. */
export function confusionMatrix(
  truth: readonly Label[],
  predicted: readonly Label[],
  labels?: readonly Label[],
): ConfusionMatrix {
  checkPairs("confusionMatrix", ["true labels", "predicted labels"], truth, predicted);
  const names = labels ?? [...new Set([...truth, ...predicted])].sort(compareLabels);
  const position = new Map(names.map((label, i) => [label, i]));
  const counts = names.map(() => new Array<number>(names.length).fill(0));
  for (const [i, label] of truth.entries()) {
    const row = positionOf(position, label);
    const column = positionOf(position, predicted[i] as Label);
    counts[row]![column]!++;
  }
  return { labels: names, counts };
}

export interface PrecisionRecallF1 {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface ClassificationReport {
  readonly perClass: readonly (PrecisionRecallF1 & { readonly label: Label; readonly support: number })[];
  /** Over all decisions together; equals accuracy when every label counts. */
  readonly micro: PrecisionRecallF1;
  /** Mean over classes. */
  readonly macro: PrecisionRecallF1;
  /** Mean over classes, weighted by how often each is true. */
  readonly weighted: PrecisionRecallF1;
}

export function precisionRecallF1(
  truth: readonly Label[],
  predicted: readonly Label[],
  labels?: readonly Label[],
): ClassificationReport {
  const matrix = confusionMatrix(truth, predicted, labels);
  const perClass = matrix.labels.map((label, i) => {
    const support = sum(matrix.counts[i] as readonly number[]);
    const assigned = sum(matrix.counts.map((row) => row[i] as number));
    return { label, support, ...score(matrix.counts[i]![i] as number, assigned, support) };
  });
  const average = (weight: (row: (typeof perClass)[number]) => number): PrecisionRecallF1 => {
    const total = sum(perClass.map(weight));
    const mean = (field: keyof PrecisionRecallF1) =>
      quotient(sum(perClass.map((row) => row[field] * weight(row))), total);
    return { precision: mean("precision"), recall: mean("recall"), f1: mean("f1") };
  };
  const hits = sum(matrix.counts.map((row, i) => row[i] as number));
  return {
    perClass,
    micro: score(hits, truth.length, truth.length),
    macro: average(() => 1),
    weighted: average((row) => row.support),
  };
}

/** Matthews correlation for any number of classes (Gorodkin 2004), from −1 to 1; 0 when either side knows one class only. */
export function matthewsCorrelation(truth: readonly Label[], predicted: readonly Label[]): number {
  const { hits, total, trueCounts, predictedCounts } = marginals(truth, predicted);
  const agreement = hits * total - dot(trueCounts, predictedCounts);
  const spread = (total ** 2 - dot(predictedCounts, predictedCounts)) * (total ** 2 - dot(trueCounts, trueCounts));
  return spread === 0 ? 0 : agreement / Math.sqrt(spread);
}

/** Cohen's kappa: agreement beyond chance, at most 1. Two annotators who both know one label only agree fully: 1. */
export function cohenKappa(first: readonly Label[], second: readonly Label[]): number {
  const { hits, total, trueCounts, predictedCounts } = marginals(first, second);
  const expected = dot(trueCounts, predictedCounts) / total ** 2;
  return expected === 1 ? 1 : (hits / total - expected) / (1 - expected);
}

function marginals(truth: readonly Label[], predicted: readonly Label[]) {
  const { counts } = confusionMatrix(truth, predicted);
  return {
    hits: sum(counts.map((row, i) => row[i] as number)),
    total: truth.length,
    trueCounts: counts.map(sum),
    predictedCounts: counts.map((_, j) => sum(counts.map((row) => row[j] as number))),
  };
}

function score(hits: number, assigned: number, support: number): PrecisionRecallF1 {
  return {
    precision: quotient(hits, assigned),
    recall: quotient(hits, support),
    f1: quotient(2 * hits, assigned + support),
  };
}

function positionOf(position: ReadonlyMap<Label, number>, label: Label): number {
  const found = position.get(label);
  if (found !== undefined) return found;
  throw new CongError(
    "UNKNOWN_LABEL",
    `the label ${JSON.stringify(label)} is not among the given ones`,
    { label, labels: [...position.keys()] },
    'list every label that occurs, or leave the list out; 1 and "1" are different labels',
  );
}

function compareLabels(a: Label, b: Label): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((value, i) => value * (b[i] as number)));
const quotient = (above: number, below: number): number => (below === 0 ? 0 : above / below);
