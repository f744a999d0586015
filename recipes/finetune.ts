/**
 * Stage 4, fine-tuning: the pretrained model learns to answer requests, here poems on a title. The method is one word: `full`
 * trains all weights, `lora`, `ptuning-v2` and `prompt` an adapter beside them, `freeze` the last layers.
 *
 *   npm run recipe -- finetune [--model runs/recipes/base/model] [--method lora] [--steps 100] [--out runs/recipes/tuned]
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { readRecords } from "../src/data/index.ts";
import { dataFolders } from "../src/evaluation/index.ts";
import { loadModel } from "../src/inference/index.ts";
import { resolveSettings, sft, sftSettings } from "../src/training/index.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "runs/recipes/base/model" },
    method: { type: "string", default: "lora" },
    steps: { type: "string", default: "100" },
    out: { type: "string", default: "runs/recipes/tuned" },
  },
});
const poems = join(dataFolders()("poems"), "train.jsonl.gz");

// Any file of conversations will do; records of this form are found by their fields.
const instructions = `${values.out}.jsonl`;
const lines: string[] = [];
for await (const { value } of readRecords([{ path: poems, limit: 5000 }])) {
  const { title, form, text } = value as { title: string; form: string; text: string };
  lines.push(JSON.stringify({ instruction: `以“${title}”为题写一首${form}。`, output: text }));
}
await mkdir(dirname(instructions), { recursive: true });
await writeFile(instructions, lines.join("\n"));

const settings = resolveSettings(sftSettings, {
  model: values.model,
  method: values.method,
  out: values.out,
  seed: 1,
  data: { train: [instructions] },
  // A quarter of the rows go on with poems as they are, against forgetting.
  replay: { share: 0.25, files: [poems] },
  training: { steps: Number(values.steps), batch: 8, length: 256, packing: true },
}).values;
const summary = await sft(settings, { say: console.log });
console.log(`${summary!.reason}: loss of unseen answers ${summary!.validLoss?.toFixed(3)}`);

const ownWeights = values.method === "full" || values.method === "freeze";
const model = ownWeights
  ? await loadModel(join(values.out, "model"))
  : await loadModel(values.model, { adapter: join(values.out, "adapter") });
const messages = [{ role: "user", content: "以“秋夜”为题写一首五绝。" }] as const;
const [answer] = await model.generate({ messages, maxNewTokens: 64, temperature: 0.7, topP: 0.9, seed: 1 });
console.log(`${messages[0].content}\n${answer!.text}`);
await model.dispose();
