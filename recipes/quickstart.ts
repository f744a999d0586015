/**
 * The smallest honest training run: `npm run quickstart [-- --steps N --seed N --out FOLDER]`.
 *
 * From 4,341 poems of the Tang to a small language model that writes verse, in a minute or two on two CPU cores: read,
 * count a baseline, train, save, load what was saved, compare on poems never seen, write. The same seed gives the same
 * losses on the same machine. What is deliberately absent: a tokenizer (a character is a token), and any search for
 * better settings: they were chosen by hand in eight runs.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { type Backend, elementCount, flattenTree, type HostTensor } from "../src/engine/index.ts";
import { type Decoder, type DecoderConfig, decoderLoss, initDecoder } from "../src/nn/index.ts";
import { checkInteger } from "../src/support/checks.ts";
import { CongError } from "../src/support/index.ts";
import { createRandom } from "../src/support/random.ts";
import { createOptimizer, createTrainer, findCheckpoints, train, trainStep } from "../src/training/index.ts";
import { createEvaluator } from "./quickstart/evaluate.ts";
import { loadDecoder } from "./quickstart/load-decoder.ts";
import { nGramLoss, trainNGram } from "./quickstart/n-gram.ts";
import { readPoems, shuffledBatches, type Vocabulary, vocabularyOf } from "./quickstart/poems.ts";
import { copiedShare, createWriter } from "./quickstart/write-poem.ts";

const tokensPerStep = 640;
const say = (text: string) => process.stdout.write(`${text}\n`);

async function quickstart(totalSteps: number, seed: number, folder: string): Promise<void> {
  say("Congling 从零: train a language model of Tang poems from nothing · 从零训练一个写唐诗的语言模型\n");

  const texts = readPoems("datasets/tang-poems/train.jsonl");
  const vocabulary = vocabularyOf(texts);
  const learned = texts.map(vocabulary.encode);
  const held = readPoems("datasets/tang-poems/valid.jsonl").map(vocabulary.encode);
  say(
    `1. Data 数据: ${learned.length} poems to learn 训练, ${held.length} held out 留出, ${vocabulary.size} characters 字`,
  );

  const config: DecoderConfig = { vocabulary: vocabulary.size, hidden: 192, layers: 4, heads: 6, feedForward: 512 };
  const backend = onnxruntimeBackend();
  const step = trainStep({
    parameters: initDecoder(config, createRandom(seed)),
    loss: (builder, parameters) => {
      const tokens = builder.input("tokens", "int64", ["batch", "length"]);
      const targets = builder.input("targets", "int64", ["batch", "length"]);
      return { loss: decoderLoss(parameters, tokens, targets, config) };
    },
    optimizer: createOptimizer({ name: "adamw", beta2: 0.95, weightDecay: 0.1 }),
    seed,
  });
  const leaves = flattenTree<HostTensor>(step.parameters);
  const millions = leaves.reduce((total, [, { shape }]) => total + elementCount(shape), 0) / 1e6;
  say(`2. Model 模型: ${config.layers} layers 层, ${millions.toFixed(1)} million parameters 百万参数`);

  say(`3. Training 训练: ${totalSteps} steps 步, about ${tokensPerStep} characters each 每步约 ${tokensPerStep} 字`);
  const trainer = await createTrainer(backend, step);
  const evaluator = await createEvaluator(backend, step.parameters, config);
  const start = performance.now();
  const { step: done } = await train({
    trainer,
    data: shuffledBatches(learned, tokensPerStep, seed),
    schedule: {
      name: "cosine",
      learningRate: 2e-3,
      totalSteps,
      warmupSteps: Math.min(50, totalSteps - 1),
      minimumLearningRate: 1e-4,
    },
    totalSteps,
    folder,
    evaluateEvery: 100,
    hooks: {
      onEvaluate: async (at) => {
        const loss = await evaluator.loss(trainer.parameters(), held);
        say(`   step 步 ${at}: held-out loss 留出损失 ${loss.toFixed(4)}`);
        return { heldOutLoss: loss };
      },
    },
  });
  await trainer.dispose();
  say(`   ${Math.round((performance.now() - start) / 1000)} seconds 秒`);

  const saved = `${folder}/checkpoint-${done}`;
  const model = await loadDecoder(`${saved}/model.safetensors`, step.parameters);
  say(`4. Saved, and loaded again 存盘并读回: ${saved}`);

  say("5. Loss on the held-out poems, in nats and in bits per character 留出诗的损失（奈特、比特每字）");
  const baselines = [1, 2, 3].map((order) => nGramLoss(trainNGram(learned, order, vocabulary.size), held, order));
  const loss = await evaluator.loss(model, held);
  const names = ["single characters counted 一元", "pairs counted 二元", "triples counted 三元"];
  names.forEach((name, i) => void say(row(name, baselines[i]!)));
  say(row("this model 本模型", loss));
  say(row("this model, on poems it learned 训练诗", await evaluator.loss(model, learned.slice(0, held.length))));
  await evaluator.dispose();
  const best = Math.min(...baselines);
  const gain = ((best - loss) / Math.LN2).toFixed(3);
  say(
    loss < best
      ? `   It beats the best count by ${gain} bits. 比最好的统计基线每字少 ${gain} 比特。`
      : "   It does NOT beat counting yet: give it more --steps. 还不如统计基线：请增加 --steps。",
  );
  await writePoems(backend, model, config, vocabulary, texts, seed);
}

/** Each run starts afresh, so that its figures are those of its settings; `train` by itself would resume the last one. */
async function clearRun(folder: string): Promise<void> {
  for (const checkpoint of await findCheckpoints(folder)) await rm(checkpoint.folder, { recursive: true });
  await rm(join(folder, "metrics.jsonl"), { force: true });
}

const row = (name: string, nats: number): string => `   ${nats.toFixed(4)}  ${(nats / Math.LN2).toFixed(3)}  ${name}`;

async function writePoems(
  backend: Backend,
  model: Decoder<HostTensor>,
  config: DecoderConfig,
  vocabulary: Vocabulary,
  texts: readonly string[],
  seed: number,
): Promise<void> {
  say("6. It writes 试写:");
  const writer = await createWriter(backend, model, config, 66);
  const random = createRandom(seed).fork("writing");
  const openings = ["", "", "春", "明月", "秋风"];
  const poems: string[] = [];
  for (const opening of openings) {
    const poem = vocabulary.decode(await writer.write(vocabulary.encode(opening), 0.8, random));
    poems.push(poem);
    say(`   ${poem}`);
  }
  await writer.dispose();
  const share = Math.round(100 * copiedShare(poems, texts));
  say(`   ${share} % of these lines stand word for word in the training poems 与训练诗逐字相同的句子占 ${share} %`);
}

try {
  const { values } = parseArgs({
    options: {
      steps: { type: "string", default: "700" },
      seed: { type: "string", default: "1" },
      out: { type: "string", default: "runs/quickstart" },
    },
  });
  const [steps, seed] = [Number(values.steps), Number(values.seed)];
  checkInteger("quickstart", { steps }, { min: 1 });
  checkInteger("quickstart", { seed }, { min: 0, max: 2 ** 32 - 1 });
  await clearRun(values.out);
  await quickstart(steps, seed, values.out);
} catch (error) {
  const isMistake = CongError.is(error) || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS");
  if (!isMistake) throw error;
  const usage = "usage: npm run quickstart -- [--steps N] [--seed N] [--out FOLDER]";
  process.stderr.write(`${(error as Error).message}\n${usage}\n`);
  process.exitCode = 1;
}
