/** What the members of the ensemble share: training with labels, and logits of every title of a split. */
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import {
  flattenTree,
  type GraphBuilder,
  type HostTensor,
  hostTensor,
  type MapTree,
  mapTree,
  type RandomSource,
  specOf,
  type Tensor,
  type TensorSpec,
  type Tree,
  trace,
} from "../../src/engine/index.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import { createSchedule, createTrainer, type Optimizer, trainStep } from "../../src/training/index.ts";
import { classificationLoss } from "../../src/training/objectives/classification.ts";
import { type Encoded, special } from "./lexicon.ts";
import { classes } from "./titles.ts";

/** A network with the way titles enter it. `Data` is a split as this network reads it. */
export interface Classifier<P extends Tree<HostTensor>, Data> {
  readonly name: string;
  readonly parameters: P;
  /** Logits [B, N]; `random` in training only. Declares the inputs that `inputs` gives. */
  logits(builder: GraphBuilder, parameters: MapTree<P, HostTensor, Tensor>, random?: RandomSource): Tensor;
  /** Inputs of the titles `chosen`; `random` in training only. */
  inputs(data: Data, chosen: Uint32Array, random?: Random): Readonly<Record<string, HostTensor>>;
}

export interface Fitting {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly optimizer: Optimizer;
  readonly labelSmoothing?: number;
  readonly ema?: number;
  readonly seed: number;
  /** Titles as rows of characters: batches then hold titles of like length. */
  readonly texts?: Encoded;
  /** Called after every epoch with the parameters that would be the result. */
  readonly onEpoch?: (epoch: number, loss: number, parameters: () => Tree<HostTensor>) => void | Promise<void>;
}

/** Fits a classifier; the rate falls as a cosine after a twentieth of warm-up. @returns the (averaged) parameters */
export async function trainClassifier<P extends Tree<HostTensor>, Data>(
  classifier: Classifier<P, Data>,
  data: Data,
  labels: Uint8Array,
  fitting: Fitting,
): Promise<P> {
  const { epochs, batch, labelSmoothing = 0, ema, seed } = fitting;
  const step = trainStep<P>({
    parameters: classifier.parameters,
    loss: (builder, tensors, random) => {
      const logits = classifier.logits(builder, tensors, random);
      return classificationLoss(logits, builder.input("labels", "int64", ["batch"]), { labelSmoothing });
    },
    optimizer: fitting.optimizer,
    ...(ema === undefined ? {} : { ema }),
    seed,
  });
  const trainer = await createTrainer<P>(onnxruntimeBackend(), step);
  const stepsAnEpoch = Math.floor(labels.length / batch);
  const totalSteps = epochs * stepsAnEpoch;
  const warmupSteps = Math.floor(totalSteps / 20);
  const rate = createSchedule({ name: "cosine", learningRate: fitting.learningRate, totalSteps, warmupSteps });
  const random = createRandom(seed).fork(`classify ${classifier.name}`);
  const result = () => trainer.parameters(ema === undefined ? "model" : "ema");
  for (let epoch = 0; epoch < epochs; epoch++) {
    let total = 0;
    const batches = lengthBatches(fitting.texts ?? labels.length, batch, random);
    for (const [i, chosen] of batches.entries()) {
      const target = hostTensor(
        "int64",
        [batch],
        Array.from(chosen, (row) => labels[row]!),
      );
      const inputs = { ...classifier.inputs(data, chosen, random), labels: target };
      total += (await trainer.run(inputs, rate(epoch * stepsAnEpoch + i))).loss;
    }
    await fitting.onEpoch?.(epoch, total / stepsAnEpoch, result);
  }
  const fitted = result();
  await trainer.dispose();
  return fitted;
}

/** Batches sorted by length inside groups of this many, whose order is random again. */
const group = 20;

/** All titles in random batches of one size (a rest is left out), of like length where `texts` are given. */
export function lengthBatches(texts: Encoded | number, batch: number, random: Random): Uint32Array[] {
  const rows = typeof texts === "number" ? texts : texts.rows;
  const order = random.permutation(rows);
  if (typeof texts !== "number") {
    const { ids, width } = texts;
    const lengthOf = (row: number) => {
      const end = ids.subarray(row * width, (row + 1) * width).indexOf(special.pad);
      return end < 0 ? width : end;
    };
    const lengths = Uint8Array.from({ length: rows }, (_, row) => lengthOf(row));
    for (let from = 0; from < rows; from += group * batch) {
      order.subarray(from, from + group * batch).sort((a, b) => lengths[a]! - lengths[b]!);
    }
  }
  const count = Math.floor(rows / batch);
  return random.shuffle(Array.from({ length: count }, (_, i) => order.subarray(i * batch, (i + 1) * batch)));
}

/** Logits of `rows` titles, [rows, N]. */
export async function predict<P extends Tree<HostTensor>, Data>(
  classifier: Classifier<P, Data>,
  parameters: P,
  data: Data,
  rows: number,
  batch = 250,
): Promise<Float32Array> {
  const graph = trace((builder) => {
    const specs = mapTree<HostTensor, TensorSpec>(parameters, specOf);
    const tree = builder.state("model", specs as Record<string, TensorSpec>);
    builder.output("logits", classifier.logits(builder, tree as unknown as MapTree<P, HostTensor, Tensor>));
  });
  const program = await onnxruntimeBackend().compile(graph);
  for (const [name, leaf] of flattenTree<HostTensor>(parameters, "model")) program.writeState(name, leaf);
  const all = new Float32Array(rows * classes);
  for (let from = 0; from < rows; from += batch) {
    const chosen = Uint32Array.from({ length: Math.min(batch, rows - from) }, (_, i) => from + i);
    const { logits } = await program.run(classifier.inputs(data, chosen));
    all.set(logits!.data as Float32Array, from * classes);
  }
  await program.dispose();
  return all;
}

/** Share of rows whose largest logit is that of their label. */
export function accuracy(logits: Float32Array, labels: Uint8Array): number {
  let right = 0;
  labels.forEach((label, row) => {
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    if (scores.every((score, i) => i === label || score < scores[label]!)) right++;
  });
  return right / labels.length;
}

/** Mean of the members' probabilities, [rows, N]; `weights` sum to 1. */
export function average(members: readonly Float32Array[], weights: readonly number[]): Float32Array {
  const mixed = new Float32Array(members[0]!.length);
  members.forEach((logits, member) => {
    for (let row = 0; row < logits.length; row += classes) {
      const scores = logits.subarray(row, row + classes);
      const largest = Math.max(...scores);
      const powers = Array.from(scores, (score) => Math.exp(score - largest));
      const total = powers.reduce((sum, power) => sum + power, 0);
      powers.forEach((power, i) => {
        mixed[row + i]! += (weights[member]! * power) / total;
      });
    }
  });
  return mixed;
}
