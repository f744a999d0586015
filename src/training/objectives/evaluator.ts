/** Mean loss of a model over given samples: validation during training, perplexity and bits per character after it. */
import {
  type Backend,
  flattenTree,
  type HostTensor,
  mapTree,
  specOf,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import type { DropoutOptions } from "../../nn/index.ts";
import { ignored, padSample, type Sample, sampleTensors } from "./samples.ts";
import { type Model, tokenLoss } from "./token-loss.ts";

export interface TokenEvaluator {
  /** Mean nats a target over all samples; `targets` counts them. Samples longer than the length are cut. */
  evaluate(samples: Iterable<Sample>): Promise<{ readonly loss: number; readonly targets: number }>;
  /** Puts other parameters in the place of those it was made with. */
  load(parameters: ParameterTree<HostTensor>): void;
  dispose(): Promise<void>;
}

export interface EvaluatorOptions {
  /** Samples a run. */
  readonly batch: number;
  /** Tokens a sample. */
  readonly length: number;
  /** Fills short samples up. Default 0. */
  readonly padId?: number;
  /** The whole loss, where the parameters are more than the model's own. Default `tokenLoss`. */
  readonly loss?: LossOf;
}

/** Mean loss of rows `ids` [B, T] with `targets` [B, T] under a tree of parameters. Only training gives `dropout`. */
export type LossOf = (
  parameters: ParameterTree<Tensor>,
  ids: Tensor,
  targets: Tensor,
  dropout?: DropoutOptions,
) => Tensor;

/** Compiles the loss alone, for rows of one shape. */
export async function createTokenEvaluator(
  backend: Backend,
  model: Model,
  parameters: ParameterTree<HostTensor>,
  options: EvaluatorOptions,
): Promise<TokenEvaluator> {
  const { batch, length, padId = 0 } = options;
  const lossOf = options.loss ?? ((given, ids, targets) => tokenLoss(model, given, { ids }, targets));
  const graph = trace((builder) => {
    const specs = mapTree<HostTensor, TensorSpec>(parameters, specOf);
    const given = builder.state("model", specs as Record<string, TensorSpec>) as unknown as ParameterTree<Tensor>;
    const ids = builder.input("ids", "int64", [batch, length]);
    const targets = builder.input("targets", "int64", [batch, length]);
    builder.output("loss", lossOf(given, ids, targets));
  });
  const program = await backend.compile(graph);
  const load = (tree: ParameterTree<HostTensor>) => {
    for (const [name, leaf] of flattenTree<HostTensor>(tree, "model")) program.writeState(name, leaf);
  };
  load(parameters);
  const nothing: Sample = { ids: [], targets: [] };
  return {
    load,
    async evaluate(samples) {
      let [nats, targets] = [0, 0];
      for (const group of groupsOf(samples, batch)) {
        const rows = Array.from({ length: batch }, (_, i) => padSample(group[i] ?? nothing, length, padId));
        const count = rows.reduce((sum, row) => sum + row.targets.filter((id) => id !== ignored).length, 0);
        if (count === 0) continue;
        const { loss } = await program.run(sampleTensors(rows));
        nats += toNumbers(loss!)[0]! * count;
        targets += count;
      }
      return { loss: nats / targets, targets };
    },
    dispose: () => program.dispose(),
  };
}

function* groupsOf<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
