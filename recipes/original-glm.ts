/**
 * The first GLM from zero (Du et al. 2022): blank infilling in full. A poem loses spans, each leaves a mask; Part A, what is
 * left, sees all of itself; Part B, the spans in random order, is written token after token. Every token has two positions:
 * its place in Part A (that of the mask, for a span), and its place in the span.
 *
 *   npm run recipe -- original-glm [--steps 400] [--poems 60000] [--seed 1] [--out runs/original-glm]
 *
 * Stopped, it goes on from its last checkpoint when started again. Other programs have no architecture with two tables of
 * positions and a prefix mask, so export refuses the folder; `congling pretrain` makes GLMs that export.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import type { HostTensor, Tensor } from "../src/engine/index.ts";
import { dataFolders, readTexts } from "../src/evaluation/index.ts";
import { loadModel } from "../src/inference/index.ts";
import { initParameters, type ParameterTree, readModelConfig, saveCheckpoint } from "../src/models/index.ts";
import { createRandom } from "../src/support/random.ts";
import { loadTokenizer } from "../src/tokenizers/index.ts";
import { createOptimizer, createTrainer, train, trainStep, trainTokenizer } from "../src/training/index.ts";
import { drawBlanks, twoRowBlankSample } from "../src/training/objectives/blank-infilling.ts";
import { blankIdsOf } from "../src/training/objectives/objective.ts";
import { tokenLoss } from "../src/training/objectives/token-loss.ts";
import { twoRowInputs, twoRowTensors } from "../src/training/objectives/two-row-batch.ts";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "400" },
    poems: { type: "string", default: "60000" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: "runs/original-glm" },
  },
});
const [steps, poems, seed] = [Number(values.steps), Number(values.poems), Number(values.seed)];
/** A row of 96 tokens holds a poem of 72 with all its masks and starts. */
const [batch, length, longest] = [16, 96, 72];

const file = join(dataFolders()("poems"), "train.jsonl.gz");
const tokenizerFolder = join(values.out, "tokenizer");
await trainTokenizer({ files: [file], out: tokenizerFolder, vocabularySize: 4000, words: "characters" });
const tokenizer = await loadTokenizer(tokenizerFolder);
const blanks = blankIdsOf(tokenizer);
const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
const texts = (await readTexts(file))
  .slice(0, poems)
  .map(encode)
  .filter((ids) => ids.length <= longest);

const { family, config } = readModelConfig({
  model_type: "glm",
  block_position_encoding: true, // what tells the first GLM from later ones
  vocab_size: tokenizer.vocabularySize,
  hidden_size: 192,
  num_layers: 4,
  num_attention_heads: 6,
  max_sequence_length: 128,
  bos_token_id: blanks.start,
  mask_token_id: [blanks.mask, blanks.sentenceMask, blanks.generationMask],
  eos_token_id: [blanks.end],
});
const random = createRandom(seed);
const trainer = await createTrainer(
  onnxruntimeBackend(),
  trainStep({
    parameters: initParameters(family.parameters(config), random.fork("weights")),
    loss: (builder, tree) => {
      const { inputs, targets } = twoRowInputs(builder, { batch, length });
      return { loss: tokenLoss({ family, config }, tree as ParameterTree<Tensor>, inputs, targets) };
    },
    optimizer: createOptimizer({ name: "adamw", beta2: 0.98, weightDecay: 0.01 }),
    clipNorm: 1,
    seed,
  }),
);

const isEnd = (id: number): boolean => /[。！？；]$/u.test(tokenizer.decode([id]));
/** Half spans of tokens, a fifth sentences, the rest one long span, often the whole poem. */
const options = { modes: { token: 0.5, sentence: 0.2, generation: 0.3 }, endsSentence: isEnd };
/** Batch n follows from the seed and n, so that a resumed run sees what it would have seen. */
function inputsOf(n: number) {
  const own = random.fork(n);
  const samples = Array.from({ length: batch }, () =>
    twoRowBlankSample(drawBlanks(own.choice(texts), blanks, options, own), blanks),
  );
  return { ...twoRowTensors(samples, length, tokenizer.ids.pad ?? 0) };
}

console.log(`${texts.length} poems, ${steps} steps of ${batch}`);
const recent: number[] = []; // losses since the last line
await train({
  trainer,
  data: function* (from) {
    for (let n = Number(from ?? 0); ; n++) yield { inputs: inputsOf(n), tokens: batch * length, position: n + 1 };
  },
  schedule: { name: "cosine", learningRate: 2e-3, totalSteps: steps, warmupSteps: Math.ceil(steps / 20) },
  totalSteps: steps,
  folder: values.out,
  checkpointEvery: 100,
  keepCheckpoints: 1,
  hooks: {
    onStep({ step, loss }) {
      recent.push(loss);
      if (step % Math.ceil(steps / 10) !== 0) return;
      const mean = recent.splice(0).reduce((sum, each, _, all) => sum + each / all.length, 0);
      console.log(`step ${step}: loss ${mean.toFixed(3)}`);
    },
  },
});
const folder = join(values.out, "model");
const parameters = trainer.parameters() as unknown as ParameterTree<HostTensor>;
await saveCheckpoint(folder, {
  config: family.writeConfig(config),
  parameters,
  tokenizerFrom: tokenizerFolder,
  overwrite: true,
});
await trainer.dispose();

// Read back, a model lays prompts with masks out by itself.
const model = await loadModel(folder);
for (const [before, mask, after] of [
  ["白日依山尽，", "[sMASK]", "欲穷千里目，更上一层楼。"],
  ["春眠不觉晓，处处闻啼", "[MASK]", "。夜来风雨声，花落知多少。"],
  ["", "[gMASK]", ""],
] as const) {
  const inputIds = [[...encode(before), tokenizer.specialTokens.get(mask)!, ...encode(after), blanks.start]];
  const [answer] = await model.generate({ inputIds, maxNewTokens: 40 });
  console.log(`${before}${mask}${after} → ${answer!.text}`);
}
await model.dispose();
