/**
 * Learned prefixes in a graph: from their table, or from the small network that makes it, to keys and values of every
 * layer. P prefix positions, L layers, G key/value heads, D head size, K = 2·L·G·D.
 */
import { type HostTensor, reshape, slice, type Tensor, tanh, transpose } from "../engine/index.ts";
import { type DenseLinear, initLinear, type KeysAndValues, linear, normal } from "../nn/index.ts";
import { checkInteger } from "../support/checks.ts";
import type { Random } from "../support/random.ts";
import type { AdapterJson, PrefixAdapter, PrefixParameters, PrefixShape } from "./adapter.ts";

/** Width of the table: 2·L·G·D. */
export const prefixWidth = ({ layers, keyValueHeads, headSize }: PrefixShape): number =>
  2 * layers * keyValueHeads * headSize;

/**
 * Keys and values before all others, one a layer, each [1, G, P, D]; they are not rotated. Made in the graph, so that
 * gradients reach the table and its network.
 */
export function prefixKeysAndValues(
  parameters: PrefixParameters<Tensor>,
  { length: P, layers: L, keyValueHeads: G, headSize: D }: PrefixShape,
): KeysAndValues<Tensor>[] {
  const { embedding, transform } = parameters;
  const table = transform === undefined ? embedding.weight : project(transform, embedding.weight);
  // (P, 2L, G, D) → (2L, G, P, D): even rows are keys, odd ones values
  const rows = transpose(reshape(table, [P, 2 * L, G, D]), [1, 2, 0, 3]);
  return Array.from({ length: L }, (_, layer) => ({
    key: slice(rows, 0, 2 * layer, 2 * layer + 1),
    value: slice(rows, 0, 2 * layer + 1, 2 * layer + 2),
  }));
}

const project = (transform: NonNullable<PrefixParameters<Tensor>["transform"]>, x: Tensor): Tensor =>
  linear(transform["2"], tanh(linear(transform["0"], x)));

export interface PrefixOptions extends PrefixShape {
  /** See `PrefixAdapter`. Default false, as in P-Tuning v2. */
  readonly occupiesPositions?: boolean;
  /** Make the table by a network of this many hidden channels. Default: train the table itself. */
  readonly projection?: number;
  /** Channels of the network's input. Default `projection`, as in PEFT; THUDM takes 2·L·G·D. */
  readonly projectionInput?: number;
  readonly base?: string;
  /** `config.json` of the base in THUDM's form; saving a P-Tuning v2 folder needs it. */
  readonly modelConfig?: AdapterJson;
}

/** A fresh prefix: a standard normal table (PyTorch's Embedding), linear layers U(±1/√in). */
export function initPrefix(options: PrefixOptions, random: Random): PrefixAdapter {
  const { length, layers, keyValueHeads, headSize, projection, occupiesPositions = false } = options;
  checkInteger("initPrefix", { length, layers, keyValueHeads, headSize }, { min: 1 });
  const shape = { length, layers, keyValueHeads, headSize };
  const width = prefixWidth(shape);
  const entry = projection === undefined ? width : (options.projectionInput ?? projection);
  const layer = (input: number, output: number) => initLinear({ input, output, bias: true }, random);
  const embedding = { weight: normal()([length, entry], random) };
  const parameters: PrefixParameters<HostTensor> =
    projection === undefined
      ? { embedding }
      : { embedding, transform: { "0": layer(entry, projection), "2": layer(projection, width) } };
  const { base, modelConfig } = options;
  return { kind: "prefix", base, occupiesPositions, shape, parameters, modelConfig };
}

/** The table [P, K] of a prefix, its network applied: what PEFT saves. */
export function prefixTable({ embedding, transform }: PrefixParameters<HostTensor>): HostTensor {
  if (transform === undefined) return embedding.weight;
  const hidden = affine(embedding.weight, transform["0"] as DenseLinear<HostTensor>);
  const bent = { ...hidden, data: (hidden.data as Float32Array).map(Math.tanh) };
  return affine(bent, transform["2"] as DenseLinear<HostTensor>);
}

/** x·Wᵀ + b on the host, summed in float64. */
function affine(x: HostTensor, { weight, bias }: DenseLinear<HostTensor>): HostTensor {
  const [rows, input] = x.shape as [number, number];
  const output = weight.shape[0]!;
  const data = new Float32Array(rows * output);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < output; column++) {
      let sum = Number(bias?.data[column] ?? 0);
      for (let i = 0; i < input; i++) sum += Number(x.data[row * input + i]) * Number(weight.data[column * input + i]);
      data[row * output + column] = sum;
    }
  }
  return { dtype: "float32", shape: [rows, output], data };
}
