/** Loss of a decoder on held-out poems. */
import {
  type Backend,
  flattenTree,
  type HostTensor,
  mapTree,
  specOf,
  type Tensor,
  type TensorSpec,
  type Tree,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import { type Decoder, type DecoderConfig, decoderLoss } from "../../src/nn/index.ts";
import { batchesOf } from "./poems.ts";

export interface Evaluator {
  /** Mean cross-entropy over all tokens, in nats. */
  loss(parameters: Decoder<HostTensor>, poems: readonly (readonly number[])[]): Promise<number>;
  dispose(): Promise<void>;
}

/** Compiles the loss without gradients; the parameters are given with each call. */
export async function createEvaluator(
  backend: Backend,
  like: Decoder<HostTensor>,
  config: DecoderConfig,
): Promise<Evaluator> {
  const graph = trace((builder) => {
    const specs = mapTree<HostTensor, TensorSpec>(like as Tree<HostTensor>, specOf);
    const model = builder.state("model", specs as Tree<TensorSpec>) as unknown as Decoder<Tensor>;
    const tokens = builder.input("tokens", "int64", ["batch", "length"]);
    const targets = builder.input("targets", "int64", ["batch", "length"]);
    builder.output("loss", decoderLoss(model, tokens, targets, config));
  });
  const program = await backend.compile(graph);
  return {
    async loss(parameters, poems) {
      for (const [name, leaf] of flattenTree<HostTensor>(parameters, "model")) program.writeState(name, leaf);
      let [nats, count] = [0, 0];
      for (const { inputs, tokens = 0 } of batchesOf(poems, 2048)) {
        const { loss } = await program.run(inputs);
        nats += toNumbers(loss!)[0]! * tokens;
        count += tokens;
      }
      return nats / count;
    },
    dispose: () => program.dispose(),
  };
}
