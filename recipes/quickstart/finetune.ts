/** Three ways from the pretrained model to one that follows instructions: all weights, LoRA, and P-Tuning v2. */
import {
  attachLora,
  initLora,
  initPrefix,
  isLoraPath,
  type PrefixParameters,
  prefixKeysAndValues,
} from "../../src/adapters/index.ts";
import { type Backend, elementCount, flattenTree, type HostTensor, type Tensor } from "../../src/engine/index.ts";
import type { ParameterTree } from "../../src/models/index.ts";
import { createRandom } from "../../src/support/random.ts";
import type { Sample } from "../../src/training/objectives/samples.ts";
import type { Model } from "../../src/training/objectives/token-loss.ts";
import { answerLoss } from "./measure.ts";
import { type RowTraining, type RowTrainingResult, trainRows } from "./train-rows.ts";

type Parameters = ParameterTree<HostTensor>;

export interface Tuned {
  readonly name: string;
  readonly result: RowTrainingResult<Parameters>;
  /** Where the model is among the parameters trained. */
  readonly inputs: RowTraining<Parameters>["inputs"];
  readonly trainable: number;
  /** Mean nats a token of answers to instructions never seen. */
  readonly loss: number;
}

export interface TuneTask {
  readonly backend: Backend;
  readonly model: Model;
  readonly base: Parameters;
  readonly rows: () => RowTraining<Parameters>["rows"];
  readonly held: readonly Sample[];
  readonly padId: number;
  readonly batch: number;
  readonly length: number;
  readonly steps: number;
  readonly folder: string;
  readonly seed: number;
}

type Method = Pick<RowTraining<Parameters>, "parameters" | "inputs" | "learningRate"> & {
  readonly frozen: (path: string) => boolean;
};

const methods: Readonly<Record<string, (task: TuneTask) => Method>> = {
  "full 全参数": ({ base }) => ({
    parameters: base,
    inputs: (tree) => ({ tree: tree as ParameterTree<Tensor> }),
    frozen: () => false,
    learningRate: 1e-3,
  }),
  LoRA: ({ base, seed }) => {
    const options = { targetModules: "all-linear", rank: 8, alpha: 16 };
    return {
      parameters: attachLora(base, initLora(base, options, createRandom(seed).fork("lora"))),
      inputs: (tree) => ({ tree: tree as ParameterTree<Tensor> }),
      frozen: (path) => !isLoraPath(path),
      learningRate: 5e-3,
    };
  },
  "P-Tuning v2": ({ base, model, seed }) => {
    const { layers, keyValueHeads, headSize } = model.config;
    const shape = { length: 16, layers, keyValueHeads, headSize };
    const { parameters } = initPrefix(shape, createRandom(seed).fork("prefix"));
    return {
      parameters: { base, prefix: parameters as unknown as Parameters },
      inputs: (tree) => {
        const { base: own, prefix } = tree as unknown as {
          base: ParameterTree<Tensor>;
          prefix: PrefixParameters<Tensor>;
        };
        return { tree: own, prefix: prefixKeysAndValues(prefix, shape) };
      },
      frozen: (path) => !path.startsWith("prefix."),
      learningRate: 2e-2,
    };
  },
};

/** Names of the methods, in the order in which they are compared. */
export const methodNames: readonly string[] = Object.keys(methods);

/** Fine-tunes with one method on the same rows as the others. */
export async function tune(name: string, task: TuneTask): Promise<Tuned> {
  const { parameters, inputs, frozen, learningRate } = methods[name]!(task);
  const { backend, model, batch, length, steps, seed } = task;
  const folder = `${task.folder}/${/^[A-Za-z0-9 -]+/.exec(name)![0].trim().replaceAll(" ", "-").toLowerCase()}`;
  const result = await trainRows({
    backend,
    model,
    parameters,
    inputs,
    frozen,
    learningRate,
    batch,
    length,
    steps,
    seed,
    folder,
    rows: task.rows(),
  });
  const trainable = flattenTree<HostTensor>(parameters).reduce(
    (sum, [path, { shape }]) => sum + (frozen(path) ? 0 : elementCount(shape)),
    0,
  );
  const loss = await answerLoss(backend, model, result.parameters, task.held, task.padId, inputs as never);
  return { name, result, inputs, trainable, loss };
}
