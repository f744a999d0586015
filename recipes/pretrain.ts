/**
 * Stage 3, pre-training: a small GLM learns to fill blanks, from random weights. One number, the depth, sets all others, each
 * printed with its reason; a run that is stopped goes on with `--resume`.
 *
 *   npm run recipe -- pretrain [--tokenizer runs/recipes/tokenizer] [--depth 3] [--steps 200] [--resume] [--out runs/recipes/base]
 *
 * Settings given here win over what the depth derives; all of them are listed by `congling pretrain --help`.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dataFolders } from "../src/evaluation/index.ts";
import { loadModel } from "../src/inference/index.ts";
import { interruptSignal, pretrain, pretrainSettings, resolveSettings } from "../src/training/index.ts";

const poems = dataFolders()("poems");
const { values } = parseArgs({
  options: {
    data: { type: "string", default: join(poems, "train.jsonl.gz") },
    tokenizer: { type: "string", default: "runs/recipes/tokenizer" },
    depth: { type: "string", default: "3" },
    steps: { type: "string", default: "200" },
    resume: { type: "boolean", default: false },
    out: { type: "string", default: "runs/recipes/base" },
  },
});
const settings = resolveSettings(pretrainSettings, {
  out: values.out,
  depth: Number(values.depth),
  seed: 1,
  tokenizer: values.tokenizer,
  data: { train: [values.data], valid: [join(poems, "valid.jsonl.gz")] },
  // Mostly whole poems: writing one from nothing is what is wanted later.
  objective: { name: "blank-infilling", token: 0.2, sentence: 0.1, generation: 0.7, shortestGeneration: 1 },
  training: { steps: Number(values.steps) },
}).values;
const interrupt = interruptSignal(); // Ctrl-C ends the run after the running step, with a checkpoint
const summary = await pretrain(settings, { resume: values.resume, signal: interrupt.signal, say: console.log });
interrupt.release();
console.log(`${summary!.reason}: ${summary!.steps} steps, loss on unseen poems ${summary!.validLoss?.toFixed(3)}`);

const model = await loadModel(join(values.out, "model"));
const [answer] = await model.generate({
  prompt: "白日依山尽，",
  maxNewTokens: 40,
  temperature: 0.8,
  topP: 0.9,
  seed: 1,
});
console.log(`白日依山尽，${answer!.text}`);
await model.dispose();
