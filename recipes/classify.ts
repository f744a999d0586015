/**
 * A text classifier from zero: hashed character n-grams, one embedding for each, their sum, one layer (FastText).
 *
 *   node dist/recipes/classify.js train.tsv test.tsv        lines of text, tab, label
 */
import { readFileSync } from "node:fs";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { argmax, flattenTree, hostTensor, mapTree, specOf, toNumbers, trace } from "../src/engine/index.ts";
import { embeddingBag } from "../src/nn/embedding-bag.ts";
import { initEmbedding, initLinear, linear } from "../src/nn/index.ts";
import { createRandom } from "../src/support/random.ts";
import { createOptimizer, createTrainer, trainStep } from "../src/training/index.ts";
import { classificationLoss } from "../src/training/objectives/classification.ts";

const [rows, longest, slots, channels, batch, epochs] = [2 ** 16, 3, 96, 16, 128, 5];

interface Example {
  readonly features: readonly number[];
  readonly label: string;
}

/** Rows of the n-grams of 1 to `longest` characters: FNV-1a of their characters, cut to the table's size. */
function features(text: string): number[] {
  const found: number[] = [];
  const characters = [...text.normalize("NFKC").toLowerCase()].map((c) => c.codePointAt(0)!);
  characters.forEach((_, from) => {
    let hash = 0x811c9dc5;
    for (const c of characters.slice(from, from + longest)) {
      hash = Math.imul(hash ^ c, 0x01000193);
      found.push((hash ^ (hash >>> 15)) & (rows - 1));
    }
  });
  return found.slice(0, slots);
}

const readExamples = (file: string): Example[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.includes("\t"))
    .map((line) => line.trimEnd().split("\t"))
    .map(([text, label]) => ({ features: features(text!), label: label! }));

const [trainFile, testFile] = process.argv.slice(2);
if (trainFile === undefined || testFile === undefined) throw new Error("usage: classify train.tsv test.tsv");
const [learned, held] = [readExamples(trainFile), readExamples(testFile)];
const labels = [...new Set(learned.map(({ label }) => label))].sort();

/** Inputs of one batch; a batch that is too short is filled up with its first example. */
function inputs(examples: readonly Example[]) {
  const full = Array.from({ length: batch }, (_, i) => examples[i] ?? examples[0]!);
  const slot = (of: (feature: number | undefined, count: number) => number) =>
    full.flatMap(({ features: own }) => Array.from({ length: slots }, (_, i) => of(own[i], own.length)));
  return {
    ids: hostTensor(
      "int32",
      [batch, slots],
      slot((feature) => feature ?? 0),
    ),
    weights: hostTensor(
      "float32",
      [batch, slots],
      slot((feature, count) => (feature === undefined ? 0 : 1 / Math.sqrt(count))),
    ),
    labels: hostTensor(
      "int64",
      [batch],
      full.map(({ label }) => Math.max(0, labels.indexOf(label))),
    ),
  };
}

const random = createRandom(0);
const step = trainStep({
  parameters: {
    table: initEmbedding({ vocabulary: rows, hidden: channels }, random),
    output: initLinear({ input: channels, output: labels.length, bias: true }, random),
  },
  loss: (builder, { table, output }) => {
    const ids = builder.input("ids", "int32", [batch, slots]);
    const bag = embeddingBag(table, ids, builder.input("weights", "float32", [batch, slots]));
    return classificationLoss(linear(output, bag), builder.input("labels", "int64", [batch]), { labelSmoothing: 0.1 });
  },
  optimizer: createOptimizer({ name: "adamw", weightDecay: 0.01 }),
});
const trainer = await createTrainer(onnxruntimeBackend(), step);
const batchesOf = (examples: readonly Example[]) =>
  Array.from({ length: Math.floor(examples.length / batch) }, (_, i) => examples.slice(i * batch, (i + 1) * batch));
for (let epoch = 0; epoch < epochs; epoch++) {
  let last = 0;
  for (const group of batchesOf(random.shuffle(learned))) {
    last = (await trainer.run(inputs(group), 0.01 * (1 - epoch / epochs))).loss;
  }
  console.log(`epoch ${epoch + 1}: loss of the last batch ${last.toFixed(4)}`);
}
const trained = trainer.parameters();
await trainer.dispose();

// The same network without gradients, for texts it has not seen.
const answers = trace((builder) => {
  const { table, output } = builder.state("model", mapTree(trained, specOf));
  const ids = builder.input("ids", "int32", [batch, slots]);
  const bag = embeddingBag(table, ids, builder.input("weights", "float32", [batch, slots]));
  builder.output("classes", argmax(linear(output, bag)));
});
const program = await onnxruntimeBackend().compile(answers);
for (const [name, tensor] of flattenTree(trained, "model")) program.writeState(name, tensor);
let right = 0;
for (let from = 0; from < held.length; from += batch) {
  const group = held.slice(from, from + batch);
  const { ids, weights } = inputs(group);
  const { classes } = await program.run({ ids, weights });
  const chosen = toNumbers(classes!);
  right += group.filter(({ label }, i) => labels[chosen[i]!] === label).length;
}
await program.dispose();
console.log(`${right} of ${held.length} right: ${((100 * right) / held.length).toFixed(2)} %`);
