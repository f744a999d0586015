/**
 * Characters of Shakespeare in nanoGPT's CPU setting (4 layers, 4 heads, 128 wide, context 64, batch 12, 2,000
 * iterations, no dropout, the same split): loss over the whole validation text, in nats a character.
 *
 * The network is our Llama-like `glm` family instead of GPT-2's; width, depth, data, steps and batch are nanoGPT's.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { elementCount, flattenTree, type HostTensor, hostTensor, type Tensor } from "../src/engine/index.ts";
import { initParameters, type ParameterTree, readModelConfig } from "../src/models/index.ts";
import { createRandom, type Random } from "../src/support/random.ts";
import { createOptimizer, createSchedule, createTrainer, trainStep } from "../src/training/index.ts";
import { createTokenEvaluator } from "../src/training/objectives/evaluator.ts";
import { tokenLoss } from "../src/training/objectives/token-loss.ts";
import { type Benchmark, type Row, say } from "./report.ts";

const source = "../shared/data/tinyshakespeare/input.txt.gz";
const [context, batch, steps] = [64, 12, 2000];

const model = readModelConfig({
  model_type: "glm",
  vocab_size: 65,
  hidden_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  intermediate_size: 344, // 8/3 of the width: as many weights as a plain layer four times as wide
  max_position_embeddings: context,
  rms_norm_eps: 1e-5,
  partial_rotary_factor: 1,
  tie_word_embeddings: true,
});

export const shakespeare: Benchmark = {
  summary: "character model of Shakespeare in nanoGPT's CPU setting: validation loss and seconds",
  options: "[--seeds 0,1,2] [--steps 2000]",
  async run(options) {
    const text = gunzipSync(readFileSync(source)).toString("utf8");
    const characters = [...new Set(text)].sort();
    const ids = Uint8Array.from(text, (character) => characters.indexOf(character));
    const border = Math.floor(ids.length * 0.9);
    const rows: Row[] = [];
    for (const seed of (options.get("seeds") ?? "0").split(",").map(Number)) {
      rows.push(await run(ids.subarray(0, border), ids.subarray(border), seed, Number(options.get("steps") ?? steps)));
    }
    return rows;
  },
};

async function run(learned: Uint8Array, held: Uint8Array, seed: number, totalSteps: number): Promise<Row> {
  const began = performance.now();
  const backend = onnxruntimeBackend();
  const parameters = initParameters(model.family.parameters(model.config), createRandom(seed));
  const step = trainStep({
    parameters,
    loss: (builder, tensors) => {
      const inputs = { ids: builder.input("ids", "int64", [batch, context]) };
      const targets = builder.input("targets", "int64", [batch, context]);
      return { loss: tokenLoss(model, tensors as ParameterTree<Tensor>, inputs, targets) };
    },
    optimizer: createOptimizer({ name: "adamw", beta2: 0.99, weightDecay: 0.1 }),
    seed,
  });
  const trainer = await createTrainer(backend, step);
  const learningRate = createSchedule({
    name: "cosine",
    learningRate: 3e-3,
    minimumLearningRate: 1e-4,
    totalSteps,
    warmupSteps: 100,
  });
  const random = createRandom(seed).fork("batches");
  for (let i = 0; i < totalSteps; i++) {
    const { loss } = await trainer.run(window(learned, random), learningRate(i));
    if ((i + 1) % 250 === 0) say(`seed ${seed}, step ${i + 1}: loss ${loss.toFixed(4)}`);
  }
  const trained = trainer.parameters();
  await trainer.dispose();
  const seconds = (performance.now() - began) / 1000;
  const valLoss = await validationLoss(trained, held);
  const count = flattenTree<HostTensor>(parameters).reduce((sum, [, { shape }]) => sum + elementCount(shape), 0);
  return { seed, valLoss, seconds: Number(seconds.toFixed(1)), steps: totalSteps, parameters: count };
}

/** `batch` stretches of the text at random places, and the character after each. */
function window(text: Uint8Array, random: Random): { ids: HostTensor; targets: HostTensor } {
  const starts = Array.from({ length: batch }, () => random.integer(text.length - context));
  const take = (shift: number) =>
    hostTensor(
      "int64",
      [batch, context],
      starts.flatMap((at) => [...text.subarray(at + shift, at + shift + context)]),
    );
  return { ids: take(0), targets: take(1) };
}

/** Mean over the whole validation text, in stretches of the context's length. */
async function validationLoss(parameters: ParameterTree<HostTensor>, held: Uint8Array): Promise<number> {
  const evaluator = await createTokenEvaluator(onnxruntimeBackend(), model, parameters, { batch: 64, length: context });
  const samples = [];
  for (let at = 0; at + context < held.length; at += context) {
    samples.push({ ids: [...held.subarray(at, at + context)], targets: [...held.subarray(at + 1, at + context + 1)] });
  }
  const { loss } = await evaluator.evaluate(samples);
  await evaluator.dispose();
  return loss;
}
