/** One training run of a comparison: parameters, a loss and rows in; trained parameters, losses and speed out. */
import { onnxruntimeBackend } from "../../../src/engine/backends/onnxruntime/index.ts";
import { bytesPerElement, elementCount, type HostTensor } from "../../../src/engine/index.ts";
import type { ParameterTree } from "../../../src/models/index.ts";
import { createOptimizer, createTrainer, type ScheduleConfig, train, trainStep } from "../../../src/training/index.ts";
import { createTokenEvaluator, type LossOf } from "../../../src/training/objectives/evaluator.ts";
import { type Sample, sampleTensors } from "../../../src/training/objectives/samples.ts";
import { tinyGlm } from "./tiny-glm.ts";

export interface Lesson {
  readonly parameters: ParameterTree<HostTensor>;
  readonly loss: LossOf;
  /** Rows of batch n, all of one length; one function for all models compared gives them the same rows. */
  readonly rows: (batch: number) => readonly Sample[];
  readonly steps: number;
  readonly schedule: ScheduleConfig;
  readonly frozen?: (path: string) => boolean;
  readonly seed: number;
}

export interface Learned {
  readonly parameters: ParameterTree<HostTensor>;
  /** Training loss of every step, nats a target. */
  readonly losses: readonly number[];
  readonly seconds: number;
  /** Of the median step, so that other work on the machine counts less. */
  readonly tokensPerSecond: number;
  /** What training keeps besides the model: trained parameters' two moments, and their gradients while a step runs. */
  readonly trainingBytes: number;
}

/** Warm-up over a twentieth of the steps, then half a cosine down to a tenth of the peak. */
export const usualSchedule = (learningRate: number, totalSteps: number): ScheduleConfig => ({
  name: "cosine",
  learningRate,
  totalSteps,
  warmupSteps: Math.min(Math.ceil(totalSteps / 20), totalSteps - 1),
  minimumLearningRate: learningRate / 10,
});

/** Models this small gain next to nothing from a second thread, and a machine's other core stays free. */
const backend = () => onnxruntimeBackend({ threads: 1 });

/** Trains with AdamW (β₂ 0.95, weight decay 0.1), gradients clipped to norm 1. */
export async function learn(lesson: Lesson): Promise<Learned> {
  const { parameters, rows, steps, schedule, seed, frozen = () => false } = lesson;
  const [batch, length] = [rows(0).length, rows(0)[0]!.ids.length];
  const step = trainStep({
    parameters,
    loss: (builder, tensors) => {
      const ids = builder.input("ids", "int64", [batch, length]);
      return { loss: lesson.loss(tensors as never, ids, builder.input("targets", "int64", [batch, length])) };
    },
    optimizer: createOptimizer({ name: "adamw", beta2: 0.95, weightDecay: 0.1 }),
    frozen,
    seed,
  });
  const trainer = await createTrainer(backend(), step);
  const losses: number[] = [];
  const times: number[] = [];
  const began = performance.now();
  await train({
    trainer,
    data: function* () {
      for (let n = 0; ; n++) yield { inputs: sampleTensors(rows(n)), tokens: batch * length, position: n + 1 };
    },
    schedule,
    totalSteps: steps,
    hooks: {
      onStep({ loss, seconds }) {
        losses.push(loss);
        times.push(seconds);
      },
    },
    progress: { silent: true },
  });
  const seconds = (performance.now() - began) / 1000;
  const types = trainer.stateTypes();
  const bytesOf = (prefix: string) =>
    types
      .filter(({ name }) => name.startsWith(prefix))
      .reduce((sum, { dtype, shape }) => sum + elementCount(shape) * bytesPerElement(dtype), 0);
  const learned = trainer.parameters();
  await trainer.dispose();
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  return {
    parameters: learned as ParameterTree<HostTensor>,
    losses,
    seconds,
    tokensPerSecond: (batch * length) / median,
    trainingBytes: bytesOf("model.") + bytesOf("optimizer."),
  };
}

/** Mean nats a target over samples never trained on. */
export async function heldLoss(
  loss: LossOf,
  parameters: ParameterTree<HostTensor>,
  samples: readonly Sample[],
): Promise<number> {
  const length = samples.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  // The evaluator asks for a model to make its own loss from; here the loss is given, and any model will do.
  const { model } = tinyGlm({ vocabulary: 1, layers: 1 }, 0);
  const evaluator = await createTokenEvaluator(backend(), model, parameters, { batch: 16, length, loss });
  const found = await evaluator.evaluate(samples);
  await evaluator.dispose();
  return found.loss;
}

/** Trains once with each peak rate and keeps the run that ends with the lowest loss on held-out samples. */
export async function learnBest(
  rates: readonly number[],
  lesson: Omit<Lesson, "schedule">,
  held: readonly Sample[],
): Promise<Learned & { readonly rate: number; readonly valid: number }> {
  const runs = [];
  for (const rate of rates) {
    const learned = await learn({ ...lesson, schedule: usualSchedule(rate, lesson.steps) });
    const valid = await heldLoss(lesson.loss, learned.parameters, held);
    process.stderr.write(`  ${rate}: ${valid.toFixed(3)}, ${learned.seconds.toFixed(0)} s\n`);
    runs.push({ ...learned, rate, valid });
  }
  return runs.reduce((best, run) => (run.valid < best.valid ? run : best));
}

/** Means of neighbouring losses, so that a curve shows its course: [step, mean of the `width` steps up to it]. */
export function smooth(losses: readonly number[], width: number): [step: number, loss: number][] {
  const points: [number, number][] = [];
  for (let end = Math.min(width, losses.length); end <= losses.length; end += Math.max(1, Math.round(width / 2))) {
    const window = losses.slice(Math.max(0, end - width), end);
    points.push([end, window.reduce((sum, loss) => sum + loss, 0) / window.length]);
  }
  return points;
}
