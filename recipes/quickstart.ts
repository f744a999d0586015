/**
 * The main job in one command: `npm run quickstart [-- --steps N --seed N --out FOLDER]`.
 *
 * From poems to a small GLM that chats about them: clean data, a tokenizer, pre-training by blank infilling, fine-tuning
 * on instructions (all weights, LoRA and P-Tuning v2 beside each other), evaluation beside a trigram, 4-bit weights, an
 * export that answers alike, sample chats, and a report to look at. The same seed gives the same losses on the same
 * machine. Settings were chosen by hand; a person with more time takes more --steps.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import { elementCount, flattenTree, type HostTensor } from "../src/engine/index.ts";
import { trigramBits } from "../src/evaluation/index.ts";
import { loadModel } from "../src/inference/index.ts";
import { saveCheckpoint } from "../src/models/checkpoint/index.ts";
import { checkInteger } from "../src/support/checks.ts";
import { CongError } from "../src/support/index.ts";
import { createRandom } from "../src/support/random.ts";
import { writeTokenizer } from "../src/tokenizers/index.ts";
import { methodNames, tune } from "./quickstart/finetune.ts";
import { instructionOf } from "./quickstart/instructions.ts";
import { answersTo, bitsPerCharacter, chatting, formShare } from "./quickstart/measure.ts";
import { freshPoemModel, trainPoemTokenizer } from "./quickstart/poem-model.ts";
import { compareQuantised, folderBytes } from "./quickstart/quantise.ts";
import { readFunnel, readPoems } from "./quickstart/read-poems.ts";
import { reportPage, type Section } from "./quickstart/report.ts";
import { blankSample, chatSample, packedRows } from "./quickstart/rows.ts";
import { trainRows } from "./quickstart/train-rows.ts";

const say = (text: string) => process.stdout.write(`${text}\n`);
const [length, batch] = [256, 8];

/** Sizes of everything that follows from the number of pre-training steps. */
const plan = (steps: number) => {
  const small = steps < 50; // a trial run: every stage, on very little
  return {
    trainPoems: small ? 400 : Number.POSITIVE_INFINITY,
    heldPoems: small ? 8 : 400,
    askedPoems: small ? 1 : 20,
    vocabulary: small ? 1000 : 6000,
    tuneSteps: Math.max(1, Math.round(steps / 5)),
  };
};

async function quickstart(steps: number, seed: number, out: string): Promise<void> {
  const began = performance.now();
  const sizes = plan(steps);
  const backend = onnxruntimeBackend();
  const random = createRandom(seed);
  const sections: Section[] = [];
  say("Congling 从零: from poems to a chatting GLM · 从诗到会聊天的 GLM\n");

  const train = readPoems("train").slice(0, sizes.trainPoems);
  const held = readPoems("test").slice(0, sizes.heldPoems);
  const texts = train.map(({ text }) => text);
  const heldTexts = held.map(({ text }) => text);
  const funnel = readFunnel();
  say(
    `1. Data 数据: ${train.length} poems to learn 训练, ${held.length} held out 留出 (of ${funnel.candidates} found 收集)`,
  );
  sections.push({
    title: "Data 数据",
    head: ["step 步骤", "poems 首"],
    rows: [
      ["found 收集", String(funnel.candidates)],
      ["regulated verse 近体", String(funnel.regulated)],
      ["no shared line 去重", String(funnel.withoutSharedLines)],
      ["no near-duplicate 去近似", String(funnel.withoutNearDuplicates)],
      ["learned here 本次训练", train.length],
      ["held out here 本次留出", held.length],
    ],
  });

  const tokenizer = await trainPoemTokenizer(texts, sizes.vocabulary);
  const tokens = heldTexts.reduce(
    (sum, text) => sum + tokenizer.tokenizer.encode(text, { addSpecialTokens: false }).length,
    0,
  );
  const characters = heldTexts.reduce((sum, text) => sum + [...text].length, 0);
  const perToken = (characters / tokens).toFixed(2);
  say(`2. Tokenizer 分词器: ${tokenizer.tokenizer.vocabularySize} tokens 词, ${perToken} characters a token 每词字数`);
  sections.push({
    title: "Tokenizer 分词器",
    head: ["", ""],
    rows: [
      ["tokens 词表", tokenizer.tokenizer.vocabularySize],
      ["characters a token, held out 留出文本每词字数", perToken],
    ],
  });

  const { model, parameters } = freshPoemModel(tokenizer, seed);
  const millions =
    flattenTree<HostTensor>(parameters).reduce((sum, [, { shape }]) => sum + elementCount(shape), 0) / 1e6;
  say(`3. Pre-training by blank infilling 空格填充预训练: ${millions.toFixed(1)} M parameters 参数, ${steps} steps 步`);
  const pretrained = await trainRows({
    backend,
    model,
    parameters,
    inputs: (tree) => ({ tree: tree as never }),
    rows: packedRows(texts, (text, r) => blankSample(text, tokenizer, r), {
      batch,
      length,
      padId: tokenizer.padId,
      random: random.fork("blanks"),
    }),
    length,
    batch,
    steps,
    // Muon for the hidden matrices, AdamW at a tenth of its rate for the rest: ahead of AdamW alone after 150 steps.
    optimizer: { name: "muon", weightDecay: 0.1, fallbackRate: 0.1 },
    learningRate: 0.02,
    folder: join(out, "pretrain"),
    seed,
  });
  say(
    `   ${pretrained.seconds.toFixed(0)} s, ${pretrained.tokensPerSecond.toFixed(0)} tokens/s, loss 损失 ${pretrained.curve.at(-1)!.loss.toFixed(3)}`,
  );

  const counted = trigramBits(texts, heldTexts);
  const bits = { base: await bitsPerCharacter(backend, model, pretrained.parameters, heldTexts, tokenizer) };
  const change = 100 * (1 - bits.base / counted);
  const verdict = `${Math.abs(change).toFixed(1)} % ${change > 0 ? "below 更低" : "ABOVE, give it more --steps 更高，请增加 --steps"}`;
  say(
    `4. Bits a character on held-out poems 留出诗每字比特: model 模型 ${bits.base.toFixed(3)}, trigram 三元统计 ${counted.toFixed(3)} (${verdict})`,
  );

  say(`5. Fine-tuning on instructions 指令微调: ${sizes.tuneSteps} steps 步 each 每种`);
  const instructed = train.map((poem) => instructionOf(poem, random.fork("instructions").fork(poem.text.slice(0, 7))));
  const heldChats = held.map((poem) => chatSample(instructionOf(poem, random.fork(poem.text.slice(0, 7))), tokenizer));
  const rows = () =>
    packedRows(instructed, (each) => chatSample(each, tokenizer), {
      batch,
      length,
      padId: tokenizer.padId,
      random: createRandom(seed).fork("chats"),
    });
  const tuned = [];
  for (const name of methodNames) {
    const task = { backend, model, base: pretrained.parameters, rows, held: heldChats, padId: tokenizer.padId };
    const result = await tune(name, { ...task, batch, length, steps: sizes.tuneSteps, folder: out, seed });
    const share = ((100 * result.trainable) / (millions * 1e6)).toFixed(1);
    say(
      `   ${name.padEnd(12)} answer loss 回答损失 ${result.loss.toFixed(3)}, ${share} % trained 可训练, ${result.result.seconds.toFixed(0)} s`,
    );
    tuned.push({ ...result, share });
  }
  const full = tuned[0]!.result.parameters;
  const after = await bitsPerCharacter(backend, model, full, heldTexts, tokenizer);
  const chat = chatting({ ...model, parameters: full, backend }, tokenizer);
  const forms = await formShare(chat, held.slice(0, sizes.askedPoems), seed);
  say(
    `   after full fine-tuning 全参数微调后: ${after.toFixed(3)} bits a character, form kept 合体裁 ${(100 * forms).toFixed(0)} %`,
  );
  sections.push(
    {
      title: "Bits a character, held-out poems 留出诗每字比特",
      head: ["", "bits 比特"],
      rows: [
        ["modified Kneser–Ney trigram 三元统计", counted.toFixed(3)],
        ["pre-trained 预训练", bits.base.toFixed(3)],
        ["fine-tuned 微调后", after.toFixed(3)],
      ],
    },
    {
      title: "Fine-tuning 微调方法",
      head: ["method 方法", "answer loss 回答损失", "trained % 可训练", "seconds 秒"],
      rows: tuned.map(({ name, loss, share, result }) => [name, loss.toFixed(3), share, result.seconds.toFixed(0)]),
    },
  );

  const folder = join(out, "model");
  await saveCheckpoint(folder, { config: model.family.writeConfig(model.config), parameters: full, overwrite: true });
  await writeTokenizer(folder, tokenizer.trained, { names: { pad: "<|endoftext|>", end: "<|user|>" } });
  const asked = ["以“秋夜”为题写一首五绝。", "续写下一句：明月松间照，", "以“登高”为题写一首七绝。"];
  const [reloaded, before] = [
    await loadModel(folder, { tokenizer: tokenizer.tokenizer }),
    await answersTo(chat, asked, seed),
  ];
  const same = (await answersTo(reloaded, asked, seed)).every((answer, i) => answer === before[i]);
  const quantised = await compareQuantised(
    folder,
    reloaded,
    heldTexts.slice(0, Math.min(64, heldTexts.length)),
    tokenizer,
  );
  await reloaded.dispose();
  say(
    `6. Saved as a Hugging Face folder and loaded again 存为 Hugging Face 目录并读回: ${folder}, answers ${same ? "equal 回答一致" : "DIFFER 回答不一致"}`,
  );
  say(
    `7. In 4 bits 四比特量化: quantised weights 量化权重 ${quantised.ratio.toFixed(1)}× smaller 更小, perplexity 困惑度 ${quantised.plain.toFixed(1)} → ${quantised.int4.toFixed(1)} (${quantised.change})`,
  );
  say("8. It chats 对话:");
  asked.forEach((question, i) => {
    say(`   ${question}\n     ${before[i]}`);
  });
  sections.push(
    {
      title: "Compression 压缩",
      head: ["", "float32", "int4"],
      rows: [["perplexity a token 每词困惑度", quantised.plain.toFixed(2), quantised.int4.toFixed(2)]],
    },
    { title: "Sample chats 对话样例", samples: asked.map((question, i) => ({ question, answer: before[i]! })) },
    {
      title: "Curves 曲线",
      curves: [
        curve("pre-training loss 预训练损失", [["loss", pretrained.curve]]),
        curve(
          "fine-tuning loss 微调损失",
          tuned.map(({ name, result }) => [name, result.curve] as const),
        ),
        {
          title: "learning rate 学习率",
          x: pretrained.curve.map(({ step }) => step),
          series: [{ label: "pre-training", values: pretrained.curve.map(({ learningRate }) => learningRate) }],
        },
      ],
    },
  );
  await chat.dispose();

  const seconds = (performance.now() - began) / 1000;
  sections.push({
    title: "Machine and time 机器与用时",
    text: `${process.platform}-${process.arch}, Node ${process.version}; ${(seconds / 60).toFixed(1)} minutes 分钟; model ${await folderBytes(folder)} MB`,
  });
  const report = join(out, "report.html");
  await writeFile(report, reportPage("Congling 从零: quick start 快速开始", sections));
  say(`\nReport 报告: ${report}  (${(seconds / 60).toFixed(1)} minutes 分钟)`);
}

type Points = readonly { readonly step: number; readonly loss: number }[];

const curve = (title: string, series: readonly (readonly [label: string, points: Points])[]) => ({
  title,
  x: series[0]![1].map(({ step }) => step),
  series: series.map(([label, points]) => ({ label, values: points.map(({ loss }) => loss) })),
});

try {
  const { values } = parseArgs({
    options: {
      steps: { type: "string", default: "500" },
      seed: { type: "string", default: "1" },
      out: { type: "string", default: "runs/quickstart" },
    },
  });
  const [steps, seed] = [Number(values.steps), Number(values.seed)];
  checkInteger("quickstart", { steps }, { min: 2 });
  checkInteger("quickstart", { seed }, { min: 0, max: 2 ** 32 - 1 });
  // Each run starts afresh, so that its figures are those of its settings.
  await rm(values.out, { recursive: true, force: true });
  await mkdir(values.out, { recursive: true });
  await quickstart(steps, seed, values.out);
} catch (error) {
  const isMistake = CongError.is(error) || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS");
  if (!isMistake) throw error;
  const usage = "usage: npm run quickstart -- [--steps N] [--seed N] [--out FOLDER]";
  process.stderr.write(`${(error as Error).message}\n${usage}\n`);
  process.exitCode = 1;
}
