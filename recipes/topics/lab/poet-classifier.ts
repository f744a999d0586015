/** Logistic regression over hashed bags of characters: who wrote the poem? The classifier that the topic of metrics judges. */
import { onnxruntimeBackend } from "../../../src/engine/backends/onnxruntime/index.ts";
import {
  flattenTree,
  type HostTensor,
  hostTensor,
  mapTree,
  softmax,
  specOf,
  toNumbers,
  trace,
} from "../../../src/engine/index.ts";
import { embeddingBag } from "../../../src/nn/embedding-bag.ts";
import { initEmbedding, zeros } from "../../../src/nn/index.ts";
import { createRandom } from "../../../src/support/random.ts";
import { createOptimizer, createTrainer, trainStep } from "../../../src/training/index.ts";
import { classificationLoss } from "../../../src/training/objectives/classification.ts";
import type { Poem } from "../../parts/shipped-poems.ts";
import type { TopicOptions } from "./topic.ts";

/** Eight poets, from very many poems to few. */
export const poets = "陆游 杨万里 白居易 梅尧臣 苏轼 王安石 杜甫 李商隐".split(" ");
const [rows, slots, batch] = [2 ** 14, 128, 64];

/** Rows of the characters, or of characters and pairs, of a text: FNV-1a cut to the table's size. */
function featuresOf(text: string, longest: number): number[] {
  const letters = [...text.replace(/[，。！？；]/gu, "")].map((letter) => letter.codePointAt(0)!);
  return letters.flatMap((_, from) => {
    let hash = 0x811c9dc5;
    return letters.slice(from, from + longest).map((letter) => {
      hash = Math.imul(hash ^ letter, 0x01000193);
      return (hash ^ (hash >>> 15)) & (rows - 1);
    });
  });
}

/** Inputs of one batch; a short one is filled up with empty bags. */
function bagTensors(poems: readonly Poem[], longest: number) {
  const bags = Array.from({ length: batch }, (_, i) =>
    poems[i] === undefined ? [] : featuresOf(poems[i].text, longest),
  );
  const slot = (of: (bag: readonly number[], i: number) => number) =>
    bags.flatMap((bag) => Array.from({ length: slots }, (_, i) => of(bag, i)));
  return {
    ids: hostTensor(
      "int32",
      [batch, slots],
      slot((bag, i) => bag[i] ?? 0),
    ),
    weights: hostTensor(
      "float32",
      [batch, slots],
      slot((bag, i) => (i < bag.length ? 1 / Math.sqrt(bag.length) : 0)),
    ),
  };
}

/** Trains on some poems and returns the probability of every poet for each of the test poems. `longest` 2 adds pairs of characters. */
export async function classify(
  longest: number,
  train: readonly Poem[],
  test: readonly Poem[],
  { steps, seed }: TopicOptions,
): Promise<number[][]> {
  const backend = onnxruntimeBackend({ threads: 1 });
  const random = createRandom(seed);
  const step = trainStep({
    parameters: initEmbedding({ vocabulary: rows, hidden: poets.length, initializer: zeros }, random),
    loss: (builder, weights) => {
      const bag = embeddingBag(
        weights,
        builder.input("ids", "int32", [batch, slots]),
        builder.input("weights", "float32", [batch, slots]),
      );
      return classificationLoss(bag, builder.input("labels", "int64", [batch]));
    },
    optimizer: createOptimizer({ name: "adam" }),
    clipNorm: null,
  });
  const trainer = await createTrainer(backend, step);
  for (let n = 0; n < steps; n++) {
    const picked = Array.from({ length: batch }, () => random.choice(train));
    const labels = hostTensor(
      "int64",
      [batch],
      picked.map(({ author }) => poets.indexOf(author)),
    );
    await trainer.run({ ...bagTensors(picked, longest), labels }, 0.03 * (1 - n / steps));
  }
  const trained = trainer.parameters();
  await trainer.dispose();
  const graph = trace((builder) => {
    const weights = builder.state("model", mapTree(trained, specOf));
    const bag = embeddingBag(
      weights,
      builder.input("ids", "int32", [batch, slots]),
      builder.input("weights", "float32", [batch, slots]),
    );
    builder.output("probabilities", softmax(bag));
  });
  const program = await backend.compile(graph);
  for (const [name, tensor] of flattenTree<HostTensor>(trained, "model")) program.writeState(name, tensor);
  const answers: number[][] = [];
  for (let from = 0; from < test.length; from += batch) {
    const { probabilities } = await program.run(bagTensors(test.slice(from, from + batch), longest));
    const numbers = toNumbers(probabilities!);
    for (let i = 0; i < Math.min(batch, test.length - from); i++)
      answers.push(numbers.slice(i * poets.length, (i + 1) * poets.length));
  }
  await program.dispose();
  return answers;
}
