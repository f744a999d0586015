/** The networks that the topic of Transformers and RNNs compares, as one interface, and the gradients inside them. */
import { onnxruntimeBackend } from "../../../src/engine/backends/onnxruntime/index.ts";
import {
  flattenTree,
  gradients,
  type HostTensor,
  linearCrossEntropy,
  mapTree,
  mean,
  mul,
  reshape,
  slice,
  specOf,
  sqrt,
  sum,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../../../src/engine/index.ts";
import type { ParameterTree } from "../../../src/models/index.ts";
import {
  type CellName,
  embedding,
  initEmbedding,
  initRecurrent,
  normal,
  type Recurrent,
  recurrent,
} from "../../../src/nn/index.ts";
import { createRandom } from "../../../src/support/random.ts";
import type { LossOf } from "../../../src/training/objectives/evaluator.ts";
import { type Sample, sampleTensors } from "../../../src/training/objectives/samples.ts";
import { tinyGlm } from "./tiny-glm.ts";

export interface Network {
  readonly name: string;
  readonly parameters: ParameterTree<HostTensor>;
  /** What the first layer reads, what every layer gives, and last what the output layer reads; each [B, T, C]. */
  readonly states: (tree: ParameterTree<Tensor>, ids: Tensor) => readonly Tensor[];
  /** The embedding, which is also the output layer [V, C]. */
  readonly table: (tree: ParameterTree<Tensor>) => Tensor;
}

/** GLM-4's architecture. */
export function transformer(vocabulary: number, layers: number, seed: number): Network {
  const { model, parameters } = tinyGlm({ vocabulary, layers, hidden }, seed);
  const { family, config } = model;
  return {
    name: "Transformer",
    parameters,
    states: (tree, ids) => family.forward(config, tree, { ids }).hidden,
    table: (tree) => family.outputWeight!(config, tree)!,
  };
}

/** Channels of every network. */
export const hidden = 64;

type RecurrentModel<Leaf> = { readonly embedding: { readonly weight: Leaf } } & Recurrent<Leaf>;

/** Layers of one recurrent cell, embedding and output tied. */
export function recurrentModel(
  name: string,
  cell: CellName,
  vocabulary: number,
  layers: number,
  seed: number,
): Network {
  const random = createRandom(seed).fork("parameters");
  const parameters: RecurrentModel<HostTensor> = {
    embedding: initEmbedding({ vocabulary, hidden, initializer: normal({ std: 0.1 }) }, random),
    ...initRecurrent({ cell, input: hidden, hidden, layers }, random),
  };
  return {
    name,
    parameters: parameters as unknown as ParameterTree<HostTensor>,
    states: (tree, ids) => {
      const own = tree as unknown as RecurrentModel<Tensor>;
      const states = [embedding(own.embedding, ids)];
      for (const layer of own.layers) states.push(recurrent({ layers: [layer] }, states.at(-1)!, { cell }).output);
      return states;
    },
    table: (tree) => (tree as unknown as RecurrentModel<Tensor>).embedding.weight,
  };
}

const rowLoss = (hidden: Tensor, table: Tensor, targets: Tensor): Tensor =>
  linearCrossEntropy(reshape(hidden, [-1, hidden.shape[2]!]), table, reshape(targets, [-1]));

/** Mean cross-entropy of the next token. */
export const lossOf =
  ({ states, table }: Network): LossOf =>
  (tree, ids, targets) =>
    rowLoss(states(tree, ids).at(-1)!, table(tree), targets);

/** Norms of gradients: of the last token's loss by the place of the input, and of the mean loss by the layer's state. */
export async function gradientNorms(network: Network, parameters: ParameterTree<HostTensor>, rows: readonly Sample[]) {
  const { ids, targets } = sampleTensors(rows);
  const [B, T] = ids.shape as [number, number];
  const graph = trace((builder) => {
    const specs = mapTree<HostTensor, TensorSpec>(parameters, specOf) as Record<string, TensorSpec>;
    const tree = builder.state("model", specs) as unknown as ParameterTree<Tensor>;
    const states = network.states(tree, builder.input("ids", "int64", [B, T]));
    const asked = builder.input("targets", "int64", [B, T]);
    const last = rowLoss(slice(states.at(-1)!, 1, T - 1, T), network.table(tree), slice(asked, 1, T - 1, T));
    const byPlace = gradients(last, [states[0]!])[0]!; // (B, T, C)
    builder.output("byPlace", mean(sqrt(sum(mul(byPlace, byPlace), { axes: 2 })), { axes: 0 }));
    const byLayer = gradients(rowLoss(states.at(-1)!, network.table(tree), asked), states);
    byLayer.forEach((each, i) => void builder.output(`layer${i}`, sqrt(sum(mul(each, each)))));
  });
  const program = await onnxruntimeBackend({ threads: 1 }).compile(graph);
  for (const [name, leaf] of flattenTree<HostTensor>(parameters, "model")) program.writeState(name, leaf);
  const { byPlace, ...layers } = await program.run({ ids, targets });
  await program.dispose();
  const norms = toNumbers(byPlace!);
  const depths = Object.keys(layers).map((_, i) => toNumbers(layers[`layer${i}`]!)[0]!);
  return {
    byDistance: norms.map((_, distance) => [distance, norms[T - 1 - distance]! / norms[T - 1]!] as const),
    // What the last layer reads counts as 1: its output passes a norm in one network and not in the other.
    byDepth: depths.slice(0, -1).map((norm, i) => [i, norm / depths.at(-2)!] as const),
  };
}
