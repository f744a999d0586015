/** The linear member: a weight for every n-gram and class, beginning at naive Bayes. */
import { add, type HostTensor, hostTensor } from "../../src/engine/index.ts";
import { embeddingBag } from "../../src/nn/embedding-bag.ts";
import type { Embedding } from "../../src/nn/index.ts";
import { type Bags, bagInputs } from "./bag.ts";
import type { Classifier } from "./classifier.ts";
import { classes } from "./titles.ts";

export interface LinearModelOptions {
  /** Rows of the table. */
  readonly features: number;
  /** Probability that a feature of a title is left out in training. */
  readonly drop: number;
  /** Factor on the naive Bayes start; 0 starts from nothing. */
  readonly strength: number;
}

export type LinearModel<Leaf> = { readonly table: Embedding<Leaf>; readonly bias: Leaf };

/**
 * Row f starts at strength · (log (n(f, class) + 1) − log Σ (n(f, ·) + 1) / N), n counting the features of the training
 * titles; Wang and Manning (2012) join naive Bayes and a linear classifier in a similar way.
 */
export function linearModel(
  { features, drop, strength }: LinearModelOptions,
  bags: Bags,
  labels: Uint8Array,
): Classifier<LinearModel<HostTensor>, Bags> {
  const weights = new Float32Array(features * classes).fill(1);
  labels.forEach((label, title) => {
    for (let at = bags.starts[title]!; at < bags.starts[title + 1]!; at++) {
      weights[bags.features[at]! * classes + label]!++;
    }
  });
  for (let feature = 0; feature < features; feature++) {
    const row = weights.subarray(feature * classes, (feature + 1) * classes);
    const middle = Math.log(row.reduce((sum, count) => sum + count, 0) / classes);
    row.forEach((count, i) => {
      row[i] = strength * (Math.log(count) - middle);
    });
  }
  return {
    name: "linear",
    parameters: {
      table: { weight: hostTensor("float32", [features, classes], weights) },
      bias: hostTensor("float32", [classes], new Float32Array(classes)),
    },
    logits(builder, { table, bias }) {
      const ids = builder.input("features", "int32", ["batch", "slots"]);
      return add(embeddingBag(table, ids, builder.input("weights", "float32", ["batch", "slots"])), bias);
    },
    inputs: (data, chosen, random) => bagInputs(data, chosen, 0.5, random && drop, random),
  };
}
