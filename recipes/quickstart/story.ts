/** What a run of the quick start found out, and how the report tells it. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Measured, QuantizedFolder } from "../../src/compression/index.ts";
import type { RunSummary, TokenizerReport } from "../../src/training/index.ts";
import { type RunCurve, smoothed } from "./curves.ts";
import type { PoemData } from "./poem-data.ts";
import { type Both, both, type Cell, type Section } from "./report.ts";
import { figureNames, type Scored, shortly } from "./scores.ts";
import type { Chat } from "./talk.ts";

/** A fine-tuned model. */
export interface Tuned {
  readonly label: string;
  readonly command: string;
  readonly summary: RunSummary;
  readonly curve: RunCurve;
  readonly scored: Scored;
  /** Share of the numbers that were trained. */
  readonly share: number;
}

export interface Story {
  readonly data: PoemData;
  readonly tokenizer: TokenizerReport;
  readonly parameters: number;
  readonly pretraining: { readonly command: string; readonly summary: RunSummary; readonly curve: RunCurve };
  readonly trigram: Scored;
  readonly pretrained: Scored;
  readonly tuned: readonly Tuned[];
  readonly quantized: QuantizedFolder & { readonly before: Measured; readonly after: Measured };
  readonly answersEqual: boolean;
  readonly megabytes: { readonly float32: number; readonly int4: number };
  readonly chats: readonly Chat[];
  /** Wall clock of each stage. */
  readonly seconds: ReadonlyMap<string, number>;
  readonly totalSeconds: number;
}

/** Sections of the report, in the order of the story. */
export const storySections = (story: Story): Section[] => [
  overview(story),
  figures(story),
  dataFunnel(story.data),
  tokenizer(story.tokenizer),
  curves(story),
  tuning(story.tuned),
  compression(story),
  { title: both("Sample chats", "对话样例"), samples: story.chats },
  written(story.tuned),
  machine(story),
];

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const change = (a: number, b: number): string => `${b < a ? "" : "+"}${(100 * (b / a - 1)).toFixed(1)} %`;

/** What was done and what came out, for readers who stop here. */
function overview({ data, parameters, pretrained, trigram, tuned, quantized, totalSeconds }: Story): Section {
  const poems = data.steps.at(-1)!.report.recordsOut.toLocaleString("en");
  const [millions, minutes] = [(parameters / 1e6).toFixed(2), (totalSeconds / 60).toFixed(1)];
  const [bits, other, form] = [
    shortly(pretrained, "bits"),
    shortly(trigram, "bits"),
    shortly(tuned[0]!.scored, "form"),
  ];
  const rise = change(quantized.before.perplexity, quantized.after.perplexity);
  return {
    title: both("In short", "概要"),
    text: [
      both(
        `${poems} classical poems became a GLM of ${millions} M parameters that chats about them, in ${minutes} minutes. ` +
          `Pre-trained, it needs ${bits} bits for a character of poems it never saw (a trigram: ${other}). ` +
          `After fine-tuning, ${form} of the poems asked for keep the lines and lengths of their form. In 4 bits its perplexity changes by ${rise}.`,
        `${poems} 首古诗，${minutes} 分钟，得到一个 ${millions} M 参数、能谈诗的 GLM。` +
          `预训练后，未见过的诗每字需 ${bits} 比特（三元统计 ${other}）。微调后，按要求写的诗有 ${form} 句数、字数合体裁。四比特量化后困惑度变化 ${rise}。`,
      ),
    ],
  };
}

/** Every stage in the same figures; the untrained model and the trigram are what to compare with. */
function figures({ trigram, pretrained, tuned, tokenizer }: Story): Section {
  const reading = ["bits", "nextLine"] as const;
  const writing = ["form", "rhyme", "tones", "length", "dynasty", "author"] as const;
  const cells = (names: readonly (keyof typeof figureNames)[], { figures }: Scored): Cell[] =>
    names.map((name) => figures.get(figureNames[name]));
  const last = tuned[0]!.scored.figures;
  const reference = (name: (typeof writing)[number]): Cell => {
    const value = last.get(figureNames[name])?.reference;
    return value === undefined ? undefined : percent(value);
  };
  const chance = percent(last.get(figureNames.nextLine)!.chance!);
  const guessing = Math.log2(tokenizer.vocabularySize) / tokenizer.charactersPerToken;
  const models: [string | Both, Scored][] = [
    [both("pre-trained", "预训练"), pretrained],
    ...tuned.map(({ label, scored }): [string, Scored] => [label, scored]),
  ];
  return {
    title: both("Figures", "成绩"),
    text: [
      both(
        "On poems of the test split, which nothing was learned from; small print: 95 % intervals by bootstrap over items.",
        "在测试集的诗上测得，训练没有用过它们；小字为按题自助抽样的 95% 区间。",
      ),
      both(
        "First what the model expects of poems (fewer bits are better), then what it answers to instructions. Rhyme and tones are judged only where the form is right, hence a dash where no poem kept it.",
        "先看模型对诗的预测（比特越少越好），再看它对指令的回答。押韵与平仄只计体裁正确的诗，一首也没有时记作“–”。",
      ),
    ],
    tables: [
      {
        head: ["", both("bits a character", "每字比特"), both("next line of four", "四选一接句")],
        rows: [
          [both("every token alike", "各词元等概率"), guessing.toFixed(3), chance],
          [both("modified Kneser–Ney trigram", "三元统计（Kneser–Ney）"), ...cells(reading, trigram)],
          ...models.map(([label, scored]) => [label, ...cells(reading, scored)]),
        ],
      },
      {
        head: [
          "",
          both("form kept", "合体裁"),
          both("rhymes", "押韵"),
          both("tones kept", "合平仄"),
          both("line length right", "句长正确"),
          both("dynasty named", "说对朝代"),
          both("author named", "说对作者"),
        ],
        rows: [
          ...models.map(([label, scored]) => [label, ...cells(writing, scored)]),
          [both("the poets; always the commonest name", "诗人原作；总答最常见者"), ...writing.map(reference)],
        ],
      },
    ],
  };
}

/** What the pipeline says of poems, which it says in English. */
const inChinese = (said: string): string =>
  said
    .replaceAll("near duplicate of an evaluation record", "与留出诗近似")
    .replaceAll("near duplicate", "近似重复")
    .replaceAll("exact duplicate", "完全重复")
    .replaceAll("shares a run of 13 with an evaluation record", "与留出诗有 13 字相同")
    .replaceAll(/ % like /g, " % 近似于 ");

/** From what was collected to what is learned. */
function dataFunnel({ steps }: PoemData): Section {
  const made = JSON.parse(readFileSync("datasets/poems/funnel.json", "utf8")) as Record<string, number>;
  const all = made.candidates!;
  const bar = (label: Both, count: number): Cell[] => [
    label,
    count,
    { share: count / all, label: percent(count / all) },
  ];
  const [clean, , , dedupe, check] = steps.map(({ report }) => report);
  return {
    title: both("Data", "数据"),
    text: [
      both(
        "The first four rows were done when the data set was made; the rest is this run's, with the commands below.",
        "前四行在制作数据集时完成；其余由本次运行以下列命令完成。",
      ),
    ],
    commands: steps.map(({ command }) => command),
    tables: [
      {
        head: ["", both("poems", "诗（首）"), ""],
        rows: [
          bar(both("collected", "收集"), all),
          bar(both("regulated verse", "近体诗"), made.regulated!),
          bar(both("no shared line", "去重句"), made.withoutSharedLines!),
          bar(both("no near-duplicate", "去近似"), made.withoutNearDuplicates!),
          bar(both("training split, cleaned", "训练集，清洗后"), clean!.recordsOut),
          bar(both("without duplicates", "去重后"), dedupe!.recordsOut),
          bar(both("nothing of the held-out poems in it", "查漏：不含留出诗"), check!.recordsOut),
        ],
      },
      {
        head: [
          both("step", "步骤"),
          both("in", "进"),
          both("out", "出"),
          both("seconds", "秒"),
          both("removed or changed", "删除或改动"),
          both("example", "例"),
        ],
        wordsFrom: 4,
        rows: steps.map(({ name, report: { recordsIn, recordsOut, seconds, removed, changed } }) => {
          const reasons = [...Object.entries(removed), ...Object.entries(changed)];
          const counted = reasons.map(([reason, { count }]) => `${count} ${reason}`).join(", ") || "0";
          const [example] = reasons.flatMap(([, { examples }]) => examples);
          const note = example?.note === undefined ? "" : ` [${example.note}]`;
          return [
            name,
            recordsIn,
            recordsOut,
            seconds.toFixed(1),
            both(counted, inChinese(counted)),
            example === undefined ? undefined : both(`${example.text}${note}`, `${example.text}${inChinese(note)}`),
          ];
        }),
      },
    ],
  };
}

const tokenizer = (report: TokenizerReport): Section => ({
  title: both("Tokenizer", "分词器"),
  text: [
    both(
      "Byte-level BPE in which a Han character is a word; counted on the valid split.",
      "字节级 BPE，一个汉字为一词；在验证集上统计。",
    ),
  ],
  tables: [
    {
      head: ["", ""],
      rows: [
        [both("tokens in the vocabulary", "词表大小"), report.vocabularySize],
        [both("of them used here", "其中用到"), percent(report.vocabularyUsed)],
        [both("characters a token", "每词字数"), report.charactersPerToken.toFixed(3)],
        [both("bytes a token", "每词字节数"), report.bytesPerToken.toFixed(3)],
        [both("Han characters in one token", "单词元表示的汉字"), percent(report.hanCoverage)],
        [both("texts that come back changed", "还原后有变的文本"), report.changedTexts],
      ],
    },
  ],
});

/** Losses and learning rates by step. */
function curves({ pretraining, tuned }: Story): Section {
  const { steps, losses, learningRates } = pretraining.curve;
  const first = tuned[0]!.curve;
  return {
    title: both("Curves", "曲线"),
    text: [both("Losses in nats a token, mean of ten steps.", "损失以纳特每词元计，十步平均。")],
    commands: [pretraining.command],
    curves: [
      {
        title: both("pre-training: loss", "预训练损失"),
        y: "nats a token 纳特/词元",
        x: steps,
        series: [{ label: "loss 损失", values: smoothed(losses, 10) }],
      },
      {
        title: both("pre-training: learning rate", "预训练学习率"),
        y: "learning rate 学习率",
        x: steps,
        series: [{ label: "rate 学习率", values: learningRates }],
      },
      {
        title: both("fine-tuning: loss", "微调损失"),
        y: "nats a token 纳特/词元",
        x: first.steps,
        series: tuned.map(({ label, curve }) => ({ label, values: smoothed(curve.losses, 10) })),
      },
      {
        title: both("fine-tuning: learning rate", "微调学习率"),
        y: "learning rate 学习率",
        x: first.steps,
        series: tuned.map(({ label, curve }) => ({ label, values: curve.learningRates })),
      },
    ],
  };
}

const tuning = (tuned: readonly Tuned[]): Section => ({
  title: both("Fine-tuning", "微调方法"),
  text: [
    both(
      "The same instructions and steps for each method. Answer loss: valid instructions; general loss: blank infilling of poems, which shows what is forgotten.",
      "各方法用同样的指令与步数。回答损失：验证集指令；通用损失：诗句填空，显示遗忘多少。",
    ),
  ],
  commands: tuned.map(({ command }) => command),
  tables: [
    {
      head: [
        both("method", "方法"),
        both("trained", "可训练"),
        both("answer loss", "回答损失"),
        both("general loss", "通用损失"),
        both("seconds", "秒"),
        both("tokens/s", "词元/秒"),
      ],
      rows: tuned.map(({ label, share, curve, summary }) => [
        label,
        percent(share),
        curve.validation.validLoss?.toFixed(3),
        curve.validation.generalLoss?.toFixed(3),
        summary.seconds.toFixed(0),
        curve.tokensPerSecond.toFixed(0),
      ]),
    },
  ],
});

function compression({ quantized, megabytes, answersEqual }: Story): Section {
  const { before, after, linearBytes } = quantized;
  return {
    title: both("Compression and export", "压缩与导出"),
    text: [
      answersEqual
        ? both(
            "The Hugging Face folder was loaded back: greedy answers are the same, character by character.",
            "Hugging Face 目录读回后，贪心回答逐字一致。",
          )
        : both("The Hugging Face folder answers DIFFERENTLY.", "Hugging Face 目录的回答不一致。"),
    ],
    tables: [
      {
        head: ["", "float32", "int4", ""],
        rows: [
          [
            both("linear weights, MB", "线性层权重，MB"),
            (linearBytes.float32 / 1e6).toFixed(2),
            (linearBytes.quantized / 1e6).toFixed(2),
            both(
              `${(linearBytes.float32 / linearBytes.quantized).toFixed(1)}× smaller`,
              `缩小 ${(linearBytes.float32 / linearBytes.quantized).toFixed(1)} 倍`,
            ),
          ],
          [
            both("folder, MB", "目录，MB"),
            megabytes.float32.toFixed(2),
            megabytes.int4.toFixed(2),
            change(megabytes.float32, megabytes.int4),
          ],
          [
            both("perplexity a token", "困惑度（每词元）"),
            before.perplexity.toFixed(2),
            after.perplexity.toFixed(2),
            change(before.perplexity, after.perplexity),
          ],
          [
            both("tokens/s, one answer", "词元/秒（单个回答）"),
            before.tokensPerSecond.toFixed(0),
            after.tokensPerSecond.toFixed(0),
            change(before.tokensPerSecond, after.tokensPerSecond),
          ],
        ],
      },
    ],
  };
}

/** The same requests to each method. */
const written = (tuned: readonly Tuned[]): Section => ({
  title: both("Poems on request", "按题作诗"),
  text: [
    both(
      "The first requests of the evaluation, as drawn; nothing is picked.",
      "评测中的前几题，照原样列出，不作挑选。",
    ),
  ],
  samples: tuned.flatMap(({ label, scored }) =>
    scored.samples.slice(0, 3).map(({ prompt, output }) => ({ question: `${label}: ${prompt}`, answer: output })),
  ),
});

const machine = ({ seconds, totalSeconds, parameters }: Story): Section => ({
  title: both("Machine and time", "机器与用时"),
  text: [
    both(
      `${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${process.platform}-${process.arch}, Node ${process.version}; ${(parameters / 1e6).toFixed(2)} M parameters.`,
      `${cpus()[0]?.model.trim() ?? "未知处理器"}，${process.platform}-${process.arch}，Node ${process.version}；${(parameters / 1e6).toFixed(2)} M 参数。`,
    ),
  ],
  tables: [
    {
      head: [both("stage", "阶段"), both("seconds", "秒"), ""],
      rows: [
        ...[...seconds].map(([stage, value]): Cell[] => [
          stage,
          value.toFixed(1),
          { share: value / totalSeconds, label: percent(value / totalSeconds) },
        ]),
        [
          both("all", "合计"),
          totalSeconds.toFixed(1),
          both(`${(totalSeconds / 60).toFixed(1)} minutes`, `${(totalSeconds / 60).toFixed(1)} 分钟`),
        ],
      ],
    },
  ],
});
