/**
 * 数据怎么预处理？ Poems spoilt on purpose, then cleaned, deduplicated and freed of leaks: what does each step find, and what
 * is it worth? `npm run recipe -- topics/data`
 *
 * Because the faults are planted, what the steps find can be counted. The judge is a character trigram, which trains in a
 * second: bits a character of test poems that leaked into the training texts, and of test poems that did not.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Converter } from "opencc-js/cn2t";
import { clean, contamination, dedupe, type StepReport } from "../../src/data/index.ts";
import { trigramBits } from "../../src/evaluation/index.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import { readPoems } from "../parts/shipped-poems.ts";
import { chart } from "./lab/chart.ts";
import { runTopic, saveFigure, say, table } from "./lab/topic.ts";

interface TextRecord {
  readonly text: string;
  /** What was done to it; the steps do not look at it. */
  readonly kind: string;
}

const toTraditional = Converter({ from: "cn", to: "t" });

/** Replaces `count` Han characters by others of the same poem. */
function edited(text: string, count: number, random: Random): string {
  const letters = [...text];
  for (let n = 0; n < count; n++) letters[random.integer(letters.length)] = random.choice(letters);
  return letters.join("");
}

/** Faults as they come with collected texts; each takes a clean poem, and its share of the collection. */
const faults: readonly (readonly [kind: string, share: number, spoil: (text: string, random: Random) => string])[] = [
  ["网页标签", 0.1, (text) => `<div class="poem"><p>${text}</p>&nbsp;<br/></div>`],
  ["繁体", 0.1, (text) => toTraditional(text)],
  ["个人信息", 0.05, (text) => `${text}投稿请寄 poet@example.com，电话 13800138000。`],
  ["乱码", 0.05, (text) => `${text.slice(0, 8)}锟斤拷锟斤拷${"\ufffd".repeat(6)}`],
  ["刷屏", 0.05, (text) => `${text.slice(0, 6)}${"！".repeat(60)}`],
  ["完全重复", 0.1, (text) => ` ${text}\n`],
  ["近似重复", 0.1, (text, random) => edited(text, 3, random)],
];

/** Clean poems, spoilt ones, copies and leaks, in random order. */
function collect(poems: readonly string[], leaked: readonly string[], random: Random): TextRecord[] {
  const records: TextRecord[] = leaked.map((text) => ({ text, kind: "测试集泄漏" }));
  let next = 0;
  for (const [kind, share, spoil] of faults) {
    const count = Math.round(share * poems.length);
    for (const text of poems.slice(next, next + count)) {
      records.push({ text: spoil(text, random), kind });
      // A copy needs its original, which stays among the clean ones.
      if (kind.endsWith("重复")) records.push({ text, kind: "干净" });
    }
    next += count;
  }
  records.push(...poems.slice(next).map((text) => ({ text, kind: "干净" })));
  return random.shuffle(records);
}

const readRecords = async (path: string): Promise<TextRecord[]> =>
  (await readFile(path, "utf8"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TextRecord);

await runTopic("data", 400, async (options) => {
  const random = createRandom(options.seed);
  const poems = readPoems("train").slice(0, Math.max(300, 25 * options.steps));
  const test = readPoems("test").map(({ text }) => text);
  const half = options.isTrial ? 20 : 500;
  const [leaked, unseen] = [test.slice(0, half), test.slice(half, 2 * half)];
  const folder = await mkdtemp(join(tmpdir(), "congling-data-"));
  try {
    const path = (name: string) => join(folder, `${name}.jsonl`);
    const jsonl = (records: readonly { readonly text: string }[]) =>
      records.map((each) => `${JSON.stringify(each)}\n`).join("");
    await writeFile(
      path("raw"),
      jsonl(
        collect(
          poems.map(({ text }) => text),
          leaked,
          random,
        ),
      ),
    );
    await writeFile(path("test"), jsonl([...leaked, ...unseen].map((text) => ({ text }))));

    // Short texts: the default of 100 characters is for pages, and two poems of one pattern share few pairs of characters.
    const nearMinimum = 20;
    const [raw, cleaned, unique, safe] = ["raw", "cleaned", "unique", "safe"].map(path) as [
      string,
      string,
      string,
      string,
    ];
    const reports: StepReport[] = [
      await clean({ simplify: true }, { inputs: [{ path: raw }], output: cleaned }),
      await dedupe({ inputs: [{ path: cleaned }], output: unique, nearMinimum }),
      await contamination({ inputs: [{ path: unique }], against: [{ path: path("test") }], output: safe, nearMinimum }),
    ];
    const stages = ["收集", "清洗", "去重", "去泄漏"];
    const records = await Promise.all([raw, cleaned, unique, safe].map(readRecords));

    say(`故意弄脏的 ${records[0]!.length} 条诗，种子 ${options.seed}：每类还剩多少条`);
    const kinds = ["干净", ...faults.map(([kind]) => kind), "测试集泄漏"];
    const left = (kind: string) => records.map((each) => String(each.filter((record) => record.kind === kind).length));
    table(
      ["类别", ...stages],
      kinds.map((kind) => [kind, ...left(kind)]),
    );
    const changed = Object.entries(reports[0]!.changed)
      .sort()
      .map(([rule, { count }]) => `${rule} ${count}`);
    say(`  清洗改写：${changed.join("，")}`);

    say("\n每字比特（字三元统计）：在泄漏的、未见的测试诗上");
    const bits = records.map((each) => {
      const texts = each.map(({ text }) => text);
      return [trigramBits(texts, leaked), trigramBits(texts, unseen)] as const;
    });
    table(
      ["训练文本", "条数", "泄漏的", "未见的"],
      stages.map((stage, i) => [stage, String(records[i]!.length), bits[i]![0].toFixed(3), bits[i]![1].toFixed(3)]),
    );
    const figure = chart(
      "数据预处理的漏斗",
      [
        { title: "每步之后的条数", bars: stages.map((label, i) => ({ label, value: records[i]!.length })) },
        {
          title: "每字比特：泄漏使成绩虚高",
          bars: stages.flatMap((stage, i) =>
            ["泄漏", "未见"].map((which, j) => ({
              label: `${stage}·${which}`,
              value: bits[i]![j]!,
              note: bits[i]![j]!.toFixed(2),
            })),
          ),
        },
      ],
      2,
    );
    await saveFigure(options, "data", figure);
  } finally {
    await rm(folder, { recursive: true });
  }
});
