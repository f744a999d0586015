/** One training run of the quick start: rows of one shape in, a loss, trained parameters out. */
import type { Backend, HostTensor, MapTree, Tensor, Tree } from "../../src/engine/index.ts";
import type { ForwardInputs, ParameterTree } from "../../src/models/index.ts";
import { createOptimizer, createTrainer, type OptimizerConfig, train, trainStep } from "../../src/training/index.ts";
import { type Sample, sampleTensors } from "../../src/training/objectives/samples.ts";
import { type Model, tokenLoss } from "../../src/training/objectives/token-loss.ts";

export interface RowTraining<P extends Tree<HostTensor>> {
  readonly backend: Backend;
  readonly model: Model;
  /** Everything the loss reads: the model's parameters, and an adapter's beside them. */
  readonly parameters: P;
  /** Finds the model's parameters in them, and what else the forward pass takes. */
  readonly inputs: (tensors: MapTree<P, HostTensor, Tensor>) => {
    readonly tree: ParameterTree<Tensor>;
    readonly prefix?: ForwardInputs["prefix"];
  };
  /** Paths that stay as they are. */
  readonly frozen?: (path: string) => boolean;
  /** Rows for batch number n, all of one length. */
  readonly rows: (batch: number) => readonly Sample[];
  readonly length: number;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Default AdamW. */
  readonly optimizer?: OptimizerConfig;
  /** Folder for metrics and checkpoints. */
  readonly folder: string;
  readonly seed: number;
}

export interface RowTrainingResult<P> {
  readonly parameters: P;
  /** One point a step. */
  readonly curve: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[];
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

/** Trains with a short warm-up and a cosine to a tenth of the rate. */
export async function trainRows<P extends Tree<HostTensor>>(options: RowTraining<P>): Promise<RowTrainingResult<P>> {
  const { backend, model, batch, length, steps, learningRate, rows } = options;
  const began = performance.now();
  const step = trainStep<P>({
    parameters: options.parameters,
    loss: (builder, tensors) => {
      const { tree, prefix } = options.inputs(tensors);
      const ids = builder.input("ids", "int64", [batch, length]);
      const targets = builder.input("targets", "int64", [batch, length]);
      return { loss: tokenLoss(model, tree, { ids, ...(prefix === undefined ? {} : { prefix }) }, targets) };
    },
    optimizer: createOptimizer(options.optimizer ?? { name: "adamw", beta2: 0.95, weightDecay: 0.1 }),
    frozen: options.frozen ?? (() => false),
    seed: options.seed,
  });
  const trainer = await createTrainer(backend, step);
  const curve: { step: number; loss: number; learningRate: number }[] = [];
  await train({
    trainer,
    data: function* (from) {
      for (let n = typeof from === "number" ? from : 0; ; n++) {
        yield { inputs: sampleTensors(rows(n)), tokens: batch * length, position: n + 1 };
      }
    },
    schedule: {
      name: "cosine",
      learningRate,
      totalSteps: steps,
      warmupSteps: Math.min(Math.ceil(steps / 20), steps - 1),
      minimumLearningRate: learningRate / 10,
    },
    totalSteps: steps,
    folder: options.folder,
    checkpointEvery: 200,
    keepCheckpoints: 1,
    hooks: {
      onStep: ({ step: at, loss, learningRate: rate }) => void curve.push({ step: at, loss, learningRate: rate }),
    },
  });
  const parameters = trainer.parameters();
  await trainer.dispose();
  const seconds = (performance.now() - began) / 1000;
  return { parameters, curve, seconds, tokensPerSecond: (steps * batch * length) / seconds };
}
