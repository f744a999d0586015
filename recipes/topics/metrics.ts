/**
 * 评测指标各说什么？ Who wrote the poem? Two classifiers of eight poets, and every metric on their answers; then what overlap metrics
 * say of damaged verse, and why perplexities of different tokenizers cannot be compared. `npm run recipe -- topics/metrics`
 */
import {
  accuracy,
  bitsPerByte,
  bleu,
  bootstrapMean,
  calibration,
  chrf,
  confusionMatrix,
  matthewsCorrelation,
  meanOf,
  pairedBootstrap,
  perplexity,
  precisionRecallF1,
  rocAucOneVersusRest,
  rouge,
  trainTrigram,
} from "../../src/evaluation/index.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import { type Poem, readPoems } from "../parts/shipped-poems.ts";
import { chart } from "./lab/chart.ts";
import { classify, poets } from "./lab/poet-classifier.ts";
import { runTopic, saveFigure, say, table } from "./lab/topic.ts";

/** Summed nats of texts under a trigram of the tokens that `encode` makes. */
function trigramNats(
  learned: readonly string[],
  held: readonly string[],
  encode: (text: string) => number[],
  size: number,
) {
  const model = trainTrigram(learned.map(encode), size);
  let [nats, tokens] = [0, 0];
  for (const text of held) {
    let [first, second] = [0, 0];
    for (const token of encode(text)) {
      nats -= Math.log(model(first, second, token));
      tokens++;
      [first, second] = [second, token];
    }
  }
  return { nats, tokens };
}

const damages: readonly (readonly [
  name: string,
  damage: (poem: Poem, others: readonly Poem[], random: Random) => string,
])[] = [
  ["原诗", ({ text }) => text],
  [
    "每句换一字",
    ({ text }, others, random) =>
      text.replace(
        /[^，。！？；]+/gu,
        (line) => random.choice([...random.choice(others).text.replace(/[，。！？；]/gu, "")]) + line.slice(1),
      ),
  ],
  ["句内打乱", ({ text }, _, random) => text.replace(/[^，。！？；]+/gu, (line) => random.shuffle([...line]).join(""))],
  ["上下联对调", ({ text }) => text.replace(/([^，。！？；]+)([，])([^，。！？；]+)/gu, "$3$2$1")],
  [
    "另一首同体诗",
    ({ form, text }, others, random) =>
      random.choice(others.filter((other) => other.form === form && other.text !== text)).text,
  ],
];

await runTopic("metrics", 600, async (options) => {
  const { seed, isTrial } = options;
  // In random order, because the file has the Tang first.
  const all = createRandom(seed).shuffle(readPoems("train"));
  const isOurs = ({ author }: Poem) => poets.includes(author);
  const train = all.filter(isOurs).slice(0, isTrial ? 300 : undefined);
  const test = createRandom(seed)
    .shuffle([...readPoems("valid"), ...readPoems("test")])
    .filter(isOurs)
    .slice(0, isTrial ? 100 : undefined);
  const truth = test.map(({ author }) => poets.indexOf(author));
  const [one, two] = [await classify(1, train, test, options), await classify(2, train, test, options)];
  const best = (row: readonly number[]) => row.indexOf(Math.max(...row));
  const most = poets.indexOf("陆游");
  const systems = [
    { name: "总答陆游", chosen: truth.map(() => most), rows: undefined },
    { name: "单字", chosen: one.map(best), rows: one },
    { name: "单字+双字", chosen: two.map(best), rows: two },
  ];
  const labels = poets.map((_, i) => i);
  const rightOf = (chosen: readonly number[]) => chosen.map((label, i) => (label === truth[i] ? 1 : 0));
  say(`一、谁写的？${poets.length} 位诗人，测试 ${test.length} 首，种子 ${seed}`);
  table(
    ["系统", "准确率", "95% 区间", "F1 微平均", "宏平均", "加权", "MCC", "AUC", "校准误差"],
    systems.map(({ name, chosen, rows: given }) => {
      const { micro, macro, weighted } = precisionRecallF1(truth, chosen, labels);
      const { low, high } = bootstrapMean(rightOf(chosen), { seed });
      const figures = [micro.f1, macro.f1, weighted.f1, matthewsCorrelation(truth, chosen)];
      const confidences = given?.map((row) => Math.max(...row));
      const error = confidences && calibration(confidences, rightOf(chosen).map(Boolean), 10).expectedError;
      const area = given && new Set(truth).size === poets.length ? rocAucOneVersusRest(truth, given).toFixed(3) : "–";
      return [
        name,
        accuracy(truth, chosen).toFixed(3),
        `${low.toFixed(3)}–${high.toFixed(3)}`,
        ...figures.map((x) => x.toFixed(3)),
        area,
        error?.toFixed(3) ?? "–",
      ];
    }),
  );
  const [second, third] = [rightOf(systems[1]!.chosen), rightOf(systems[2]!.chosen)];
  const paired = pairedBootstrap(test.length, meanOf(third), meanOf(second), { seed });
  say(`  单字+双字 比 单字：准确率差 ${paired.difference.toFixed(3)}，配对自助法 p = ${paired.pValue.toFixed(3)}`);

  say("\n二、混淆矩阵（单字+双字；行为真作者，列为所答）");
  const { counts } = confusionMatrix(truth, systems[2]!.chosen, labels);
  table(
    ["真\\答", ...poets],
    counts.map((row, i) => [poets[i]!, ...row.map(String)]),
  );

  say("\n三、重合类指标：对原诗动手脚，各打几分");
  const asked = test.slice(0, 200);
  const random = createRandom(seed).fork("damages");
  const references = asked.map(({ text }) => [text]);
  const overlaps = damages.map(([name, damage]) => {
    const texts = asked.map((poem) => damage(poem, test, random));
    const { rouge1, rouge2, rougeL } = rouge(texts, references, { unit: "character" });
    return {
      name,
      figures: [
        bleu(texts, references, { tokenizer: "zh" }).score,
        chrf(texts, references).score,
        ...[rouge1, rouge2, rougeL].map(({ f }) => 100 * f),
      ],
    };
  });
  table(
    ["改动", "BLEU-4", "chrF", "ROUGE-1", "ROUGE-2", "ROUGE-L"],
    overlaps.map(({ name, figures }) => [name, ...figures.map((x) => x.toFixed(1))]),
  );

  say("\n四、困惑度与每字节比特：同一三元模型，两种词元");
  const [learned, held] = [all.slice(0, isTrial ? 300 : 20_000), readPoems("test")].map((poems) =>
    poems.slice(0, isTrial ? 300 : undefined).map(({ text }) => text),
  ) as [string[], string[]];
  const characters = new Map([...new Set(learned.join(""))].map((letter, i) => [letter, i + 2]));
  // A character never seen is spelled by no other means here: such test poems are left out for both.
  const spelled = held.filter((text) => [...text].every((letter) => characters.has(letter)));
  const bytes = new TextEncoder().encode(spelled.join("")).length;
  const byCharacter = trigramNats(
    learned,
    spelled,
    (text) => [...text].map((letter) => characters.get(letter)!),
    characters.size + 2,
  );
  const byByte = trigramNats(
    learned,
    spelled,
    (text) => [...new TextEncoder().encode(text)].map((byte) => byte + 1),
    257,
  );
  table(
    ["词元", "词元数", "困惑度", "每字节比特"],
    [["字", byCharacter] as const, ["字节", byByte] as const].map(([name, { nats, tokens }]) => [
      name,
      String(tokens),
      perplexity(nats, tokens).toFixed(2),
      bitsPerByte(nats, { bytes }).toFixed(3),
    ]),
  );

  const reliable = [one, two].map((given, i) => ({
    label: systems[i + 1]!.name,
    points: calibration(
      given.map((row) => Math.max(...row)),
      [second, third][i]!.map(Boolean),
      10,
    )
      .bins.filter(({ count }) => count >= 5)
      .map(({ confidence, accuracy: right }) => [confidence, right] as const),
  }));
  const perfect = {
    label: "理想",
    isBackground: true,
    points: [
      [0, 0],
      [1, 1],
    ] as const,
  };
  const perPoet = precisionRecallF1(truth, systems[2]!.chosen, labels).perClass;
  const figure = chart(
    "评测指标",
    [
      { title: "校准：自信多少，对多少", lines: [perfect, ...reliable], yRange: [0, 1], xLabel: "自信" },
      {
        title: "各诗人的 F1（单字+双字）",
        bars: perPoet.map(({ label, f1, support }) => ({
          label: poets[label as number]!,
          value: f1,
          note: `${f1.toFixed(2)}（${support} 首）`,
        })),
      },
    ],
    2,
  );
  await saveFigure(options, "metrics", figure);
});
