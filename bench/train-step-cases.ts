/** The three models of the benchmark `train-step`, and what one step of them costs in arithmetic. */
import type { Product } from "./matmul-rate.ts";

export interface TrainCase {
  readonly name: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
}

export const batch = 8;
export const length = 256;
const tokens = batch * length;

export const trainCases: Readonly<Record<string, TrainCase>> = {
  "3m": { name: "3m", hidden: 192, layers: 6, heads: 6, feedForward: 512, vocabulary: 2048 },
  "30m": { name: "30m", hidden: 512, layers: 8, heads: 8, feedForward: 1408, vocabulary: 8192 },
  "110m": { name: "110m", hidden: 768, layers: 12, heads: 12, feedForward: 2048, vocabulary: 32000 },
};

/** Weight matrices as [out, in] with how often they occur. */
function weights({ hidden, layers, feedForward, vocabulary }: TrainCase): { out: number; in: number; count: number }[] {
  return [
    { out: hidden, in: hidden, count: 4 * layers },
    { out: feedForward, in: hidden, count: 2 * layers },
    { out: hidden, in: feedForward, count: layers },
    { out: vocabulary, in: hidden, count: 1 },
  ];
}

/** 6·N·tokens + 12·layers·hidden·256·tokens, with the tied embedding counted once and norm weights included. */
export function stepFlops(model: TrainCase): number {
  const matrices = weights(model).reduce((total, weight) => total + weight.out * weight.in * weight.count, 0);
  const norms = (2 * model.layers + 1) * model.hidden;
  return 6 * (matrices + norms) * tokens + 12 * model.layers * model.hidden * length * tokens;
}

/** Every weight product of one step: forward, input gradient and weight gradient of each matrix. */
export function weightProducts(model: TrainCase): { product: Product; count: number }[] {
  return weights(model).flatMap(({ out, in: inputs, count }) => [
    { product: { rows: tokens, inner: inputs, columns: out }, count },
    { product: { rows: tokens, inner: out, columns: inputs }, count },
    { product: { rows: out, inner: tokens, columns: inputs }, count },
  ]);
}
