/**
 * The main job in one command: `npm run quickstart [-- --steps N --seed N --out FOLDER]`.
 *
 * From poems to a small GLM that chats about them, in eight stages: clean data, a tokenizer, pre-training by blank
 * infilling, a look at it beside a trigram, fine-tuning on instructions (all weights, LoRA and P-Tuning v2 beside each
 * other), a Hugging Face folder that answers alike, 4-bit weights, and a chat; then a report. Each stage calls what stands
 * behind the commands printed below it; the settings of the two trainings are files, quickstart/pretrain.yaml and sft.yaml.
 * The same seed gives the same losses on the same machine.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureFolder, quantizeFolder } from "../src/compression/index.ts";
import { tasks } from "../src/evaluation/index.ts";
import { checkInteger } from "../src/support/checks.ts";
import { CongError } from "../src/support/index.ts";
import { loadTokenizer } from "../src/tokenizers/index.ts";
import { nothingSetAside, reportTokenizer, textsOfFiles, trainTokenizer } from "../src/training/index.ts";
import * as commands from "./quickstart/commands.ts";
import { readCurve } from "./quickstart/curves.ts";
import { freshFolder } from "./quickstart/fresh-folder.ts";
import { instructionTask } from "./quickstart/instruction-task.ts";
import { writeInstructions } from "./quickstart/instructions.ts";
import { preparePoems, readPoemsFrom } from "./quickstart/poem-data.ts";
import { both, reportPage } from "./quickstart/report.ts";
import { type Scored, scoreFolder, scoreTrigram, shortly, withInterval } from "./quickstart/scores.ts";
import { folderMegabytes, parameterCount } from "./quickstart/sizes.ts";
import { storySections, type Tuned } from "./quickstart/story.ts";
import { chatsWith, exportAndCompare } from "./quickstart/talk.ts";

const { typed } = commands;

/**
 * Methods of fine-tuning. All weights go on with the optimizer that they were pre-trained with; the small matrices and
 * tables of the others take AdamW, at higher rates than large models want (docs/log.md).
 */
const methods = [
  {
    method: "full",
    label: "full 全参数",
    update: { learningRate: 0.006, optimizer: "{name: muon, weightDecay: 0.1, fallbackRate: 0.1}" },
  },
  { method: "lora", label: "LoRA", update: { learningRate: 0.005 } },
  { method: "ptuning-v2", label: "P-Tuning v2", update: { learningRate: 0.02 } },
] as const;

/** How much is measured; a trial run goes through every stage on very little. */
const sizesOf = (isTrial: boolean) =>
  isTrial
    ? { poems: 1500, vocabulary: 1500, read: 8, written: 2, measured: 8 }
    : {
        poems: undefined,
        vocabulary: commands.tokenizerSettings.vocabularySize,
        read: 400,
        written: 100,
        measured: 200,
      };

const say = (text: string) => process.stdout.write(`${text}\n`);
const show = (...lines: readonly string[]) => {
  for (const line of lines) say(`   $ ${line}`);
};

async function quickstart(steps: { pretrain: number; sft: number }, seed: number, out: string): Promise<void> {
  const at = (...names: readonly string[]): string => join(out, ...names);
  const sizes = sizesOf(steps.pretrain < 50);
  const clock = createClock();
  say("Congling 从零: from poems to a chatting GLM · 从诗到会聊天的 GLM");
  say("Lines after $ do the same by hand; --help explains them. $ 后的命令可单独输入。\n");

  const data = await clock.time("data 数据", () => preparePoems(at("data"), sizes.poems));
  const poems = {
    train: await readPoemsFrom(data.train),
    valid: await readPoemsFrom(data.valid),
    test: await readPoemsFrom(data.test),
  };
  say(`1. Data 数据: ${poems.train.length} poems to learn 训练, ${poems.test.length} held out 留出`);
  for (const { command, report } of data.steps) {
    const removed = Object.entries(report.removed).map(([reason, { count }]) => `${count} ${reason}`);
    show(command);
    say(`     ${report.recordsIn} → ${report.recordsOut}${removed.length === 0 ? "" : ` (${removed.join(", ")})`}`);
  }

  const tokenizer = at("tokenizer");
  const report = await clock.time("tokenizer 分词器", async () => {
    const settings = { ...commands.tokenizerSettings, vocabularySize: sizes.vocabulary };
    await trainTokenizer({ files: [data.train], ...settings, out: tokenizer });
    return reportTokenizer(await loadTokenizer(tokenizer), textsOfFiles({ files: [data.valid] }, nothingSetAside()));
  });
  const perToken = report.charactersPerToken.toFixed(2);
  say(`2. Tokenizer 分词器: ${report.vocabularySize} tokens 词, ${perToken} characters a token 每词字数`);
  show(
    typed(
      "tokenizer",
      "train",
      "--data",
      data.train,
      "--vocabulary",
      sizes.vocabulary,
      "--words",
      commands.tokenizerSettings.words,
      "-o",
      tokenizer,
    ),
    typed("tokenizer", "report", tokenizer, "--data", data.valid),
  );

  const pretraining = {
    tokenizer,
    "data.train": data.train,
    "data.valid": data.valid,
    steps: steps.pretrain,
    seed,
    out: at("pretrain"),
  };
  say(`3. Pre-training by blank infilling 空格填充预训练: ${steps.pretrain} steps 步`);
  show(commands.typedPretraining(pretraining));
  const summary = await clock.time("pre-training 预训练", () => commands.runPretraining(pretraining));
  const base = at("pretrain", "model");
  const curve = readCurve(at("pretrain"));
  const parameters = await parameterCount(base);
  const millions = `${(parameters / 1e6).toFixed(1)} M parameters 参数`;
  const speed = `${summary.seconds.toFixed(0)} s, ${curve.tokensPerSecond.toFixed(0)} tokens/s`;
  say(`   ${millions}, ${speed}, loss on unseen poems 验证损失 ${summary.validLoss!.toFixed(3)}`);

  const scoring = { data: data.folder, limits: sizes };
  const writing = [tasks["poem-form"]!, instructionTask(poems.test)];
  const score = (folder: string, adapter?: string): Promise<Scored> =>
    clock.time("evaluation 评测", () => scoreFolder(folder, scoring, writing, adapter));
  const learned = poems.train.map(({ text }) => text);
  const trigram = await clock.time("trigram 三元统计", () => scoreTrigram(learned, scoring));
  const pretrained = await score(base);
  say(
    `4. Bits a character on held-out poems 留出诗每字比特: model 模型 ${withInterval(pretrained, "bits")}, trigram 三元统计 ${withInterval(trigram, "bits")}`,
  );
  say(
    `   next line of four 四选一接句: model 模型 ${withInterval(pretrained, "nextLine")}, trigram 三元统计 ${withInterval(trigram, "nextLine")}, guessing 乱猜 25 %`,
  );
  const asked = ["--data", `poems=${data.folder}`, "--limit", sizes.read];
  show(typed("evaluate", base, "--tasks", "poem-surprise,poem-next-line", ...asked));

  const instructions = { train: at("instructions", "train.jsonl"), valid: at("instructions", "valid.jsonl") };
  await mkdir(at("instructions"));
  // The rows of a step hold some 20 conversations.
  await writeInstructions(instructions.train, poems.train, seed, 25 * steps.sft);
  await writeInstructions(instructions.valid, poems.valid, seed, 400);
  say(`5. Fine-tuning on instructions 指令微调: ${steps.sft} steps 步 each 每种`);
  const tuned: Tuned[] = [];
  for (const { method, label, update } of methods) {
    const tuning = {
      method,
      ...update,
      model: base,
      "data.train": instructions.train,
      "data.valid": instructions.valid,
      "replay.files": data.train,
      steps: steps.sft,
      seed,
      out: at(method),
    };
    const command = commands.typedTuning(tuning);
    show(command);
    const summary = await clock.time("fine-tuning 微调", () => commands.runTuning(tuning));
    const isFull = method === "full";
    const scored = isFull ? await score(at(method, "model")) : await score(base, at(method, "adapter"));
    const share = isFull ? 1 : (await parameterCount(at(method, "adapter", "adapter_model.safetensors"))) / parameters;
    tuned.push({ label, command, summary, curve: readCurve(at(method)), scored, share });
    const [loss, trained] = [summary.validLoss!.toFixed(3), `${(100 * share).toFixed(1)} % trained 可训练`];
    say(
      `     ${label}: ${trained}, answer loss 回答损失 ${loss}, ${shortly(scored, "bits")} bits a character 每字比特, form kept 合体裁 ${shortly(scored, "form")}, ${summary.seconds.toFixed(0)} s`,
    );
  }
  show(
    typed(
      "evaluate",
      at("full", "model"),
      "--tasks",
      "poem-form",
      "--data",
      `poems=${data.folder}`,
      "--limit",
      sizes.written,
    ),
  );

  const [best, folder, small] = [at("full", "model"), at("model"), at("model-int4")];
  const { answersEqual } = await clock.time("export 导出", () => exportAndCompare(best, folder));
  say(
    `6. Saved as a Hugging Face folder and loaded again 存为 Hugging Face 目录并读回: ${folder}, answers ${answersEqual ? "equal 回答一致" : "DIFFER 回答不一致"}`,
  );
  show(typed("export", best, "--to", "hf", "-o", folder));

  const texts = poems.test.slice(0, sizes.measured).map(({ text }) => text);
  const quantized = await clock.time("quantising 量化", async () => {
    const written = await quantizeFolder(folder, small, 4);
    return { ...written, before: await measureFolder(folder, texts), after: await measureFolder(small, texts) };
  });
  const { before, after, linearBytes } = quantized;
  const change = 100 * (after.perplexity / before.perplexity - 1);
  say(
    `7. In 4 bits 四比特量化: quantised weights 量化权重 ${(linearBytes.float32 / linearBytes.quantized).toFixed(1)}× smaller 更小, perplexity 困惑度 ${before.perplexity.toFixed(1)} → ${after.perplexity.toFixed(1)} (${change < 0 ? "" : "+"}${change.toFixed(1)} %), ${before.tokensPerSecond.toFixed(0)} → ${after.tokensPerSecond.toFixed(0)} tokens/s`,
  );
  show(typed("quantize", folder, "--bits", 4, "--text", data.test, "--limit", sizes.measured, "-o", small));

  const chats = await clock.time("chats 对话", () => chatsWith(folder, seed));
  say("8. It chats 对话:");
  show(typed("chat", folder));
  for (const { question, answer } of chats) say(`   ${question}\n     ${answer}`);

  const megabytes = { float32: await folderMegabytes(folder), int4: await folderMegabytes(small) };
  const sections = storySections({
    ...{ data, tokenizer: report, parameters, trigram, pretrained, tuned, quantized, answersEqual, megabytes, chats },
    pretraining: { command: commands.typedPretraining(pretraining), summary, curve },
    seconds: clock.seconds,
    totalSeconds: clock.total(),
  });
  await writeFile(at("report.html"), reportPage(both("Congling: quick start", "从零：快速开始"), sections));
  say(`\nReport 报告: ${at("report.html")}  (${(clock.total() / 60).toFixed(1)} minutes 分钟)`);
}

/** Wall clock by stage. */
function createClock() {
  const began = performance.now();
  const seconds = new Map<string, number>();
  return {
    seconds,
    total: () => (performance.now() - began) / 1000,
    async time<T>(stage: string, work: () => Promise<T>): Promise<T> {
      const from = performance.now();
      const result = await work();
      seconds.set(stage, (seconds.get(stage) ?? 0) + (performance.now() - from) / 1000);
      return result;
    },
  };
}

try {
  const { values } = parseArgs({
    options: {
      steps: { type: "string" },
      seed: { type: "string", default: "1" },
      out: { type: "string", default: "runs/quickstart" },
    },
  });
  const recipe = await commands.recipeSteps();
  const pretrain = Number(values.steps ?? recipe.pretrain);
  const seed = Number(values.seed);
  checkInteger("quickstart", { steps: pretrain }, { min: 2 });
  checkInteger("quickstart", { seed }, { min: 0, max: 2 ** 32 - 1 });
  // Fewer steps of one are fewer of the other.
  const steps = { pretrain, sft: Math.max(1, Math.round((pretrain * recipe.sft) / recipe.pretrain)) };
  // Each run starts afresh, so that its figures are those of its settings.
  await freshFolder(values.out);
  await quickstart(steps, seed, values.out);
} catch (error) {
  const isMistake = CongError.is(error) || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS");
  if (!isMistake) throw error;
  const usage = "usage: npm run quickstart -- [--steps N] [--seed N] [--out FOLDER]";
  process.stderr.write(`${(error as Error).message}\n${usage}\n`);
  process.exitCode = 1;
}
