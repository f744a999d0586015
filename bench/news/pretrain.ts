/** Pretraining of the encoder on the training titles alone: guess the characters that were hidden (masked LM). */
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import { gather, gelu, type HostTensor, linearCrossEntropy, reshape, type Tensor } from "../../src/engine/index.ts";
import { type DenseLinear, initLinear, initRmsNorm, linear, type RmsNorm, rmsNormLayer } from "../../src/nn/index.ts";
import { createRandom } from "../../src/support/random.ts";
import { createOptimizer, createSchedule, createTrainer, trainStep } from "../../src/training/index.ts";
import { lengthBatches } from "./classifier.ts";
import { type Encoder, encode, encoderInputs, hideSome, pickRows } from "./encoder.ts";
import type { Encoded, Lexicon } from "./lexicon.ts";

export interface PretrainOptions {
  readonly heads: number;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Share of characters hidden. */
  readonly hide: number;
  readonly seed: number;
  readonly onEpoch?: (epoch: number, loss: number) => void;
}

type Parameters<Leaf> = {
  readonly encoder: Encoder<Leaf>;
  readonly transform: DenseLinear<Leaf>;
  readonly norm: RmsNorm<Leaf>;
};

export async function pretrain(
  initial: Encoder<HostTensor>,
  lexicon: Lexicon,
  data: Encoded,
  options: PretrainOptions,
): Promise<Encoder<HostTensor>> {
  const { heads, epochs, batch, hide, seed } = options;
  const random = createRandom(seed).fork("pretrain");
  const hidden = initial.norm.weight.shape[0]!;
  const parameters: Parameters<HostTensor> = {
    encoder: initial,
    transform: initLinear({ input: hidden, output: hidden, bias: true }, random),
    norm: initRmsNorm(hidden),
  };
  const step = trainStep({
    parameters,
    loss: (builder, tree) => {
      const { encoder, transform, norm } = tree as Parameters<Tensor>;
      const states = reshape(encode(builder, encoder, heads, 0).hidden, [-1, hidden]); // (B·T, C)
      const asked = gather(states, builder.input("places", "int32", ["asked"]));
      const guess = rmsNormLayer(norm, gelu(linear(transform, asked)));
      return {
        loss: linearCrossEntropy(guess, encoder.characters.weight, builder.input("targets", "int64", ["asked"])),
      };
    },
    optimizer: createOptimizer({ name: "adamw", weightDecay: 0.01 }),
    seed,
  });
  const trainer = await createTrainer(onnxruntimeBackend(), step);
  const totalSteps = epochs * Math.floor(data.rows / batch);
  const { learningRate } = options;
  const rate = createSchedule({ name: "cosine", learningRate, totalSteps, warmupSteps: Math.floor(totalSteps / 20) });
  let done = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    let total = 0;
    const batches = lengthBatches(data, batch, random);
    for (const chosen of batches) {
      const rows = pickRows(data, chosen);
      const { shown, places } = hideSome(rows, hide, random);
      const targets = BigInt64Array.from(places, (at) => BigInt(rows.ids[at]!));
      const inputs = {
        ...encoderInputs(lexicon, shown),
        places: { dtype: "int32", shape: [places.length], data: Int32Array.from(places) } as const,
        targets: { dtype: "int64", shape: [places.length], data: targets } as const,
      };
      total += (await trainer.run(inputs, rate(done++))).loss;
    }
    options.onEpoch?.(epoch, total / batches.length);
  }
  const { encoder } = trainer.parameters();
  await trainer.dispose();
  return encoder;
}
