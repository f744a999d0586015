/**
 * 微调调什么？ Five ways from one pre-trained network to one that writes a poem on a given title and form: what each trains, keeps
 * in memory, costs and reaches. `npm run recipe -- topics/finetuning`
 *
 * Each method gets the better of two peak rates on the validation poems; rows, steps and optimizer are the same.
 */
import { elementCount, flattenTree, type HostTensor } from "../../src/engine/index.ts";
import { createRandom } from "../../src/support/random.ts";
import { type MethodName, methodNames, tuningMethod } from "../../src/training/index.ts";
import type { LossOf } from "../../src/training/objectives/evaluator.ts";
import { ignored, type Sample } from "../../src/training/objectives/samples.ts";
import { tokenLoss } from "../../src/training/objectives/token-loss.ts";
import { type Poem, readPoems } from "../parts/shipped-poems.ts";
import { chart } from "./lab/chart.ts";
import { heldLoss, learn, learnBest, smooth, usualSchedule } from "./lab/learn.ts";
import { packedRows, poemRows } from "./lab/poems.ts";
import { tinyGlm } from "./lab/tiny-glm.ts";
import { runTopic, saveFigure, say, table } from "./lab/topic.ts";

/** Peak rates tried: the fewer parameters, the larger the steps. */
const rates: Readonly<Record<MethodName, readonly number[]>> = {
  full: [1e-3, 3e-3],
  freeze: [3e-3, 1e-2],
  lora: [3e-3, 1e-2],
  "ptuning-v2": [1e-2, 3e-2],
  prompt: [1e-2, 3e-2],
};

const settings = {
  freeze: { layers: 1 },
  lora: { rank: 4, alpha: 8, targets: [], rankStabilized: false, dropout: 0 },
  prefix: { tokens: 16, projection: null },
};

await runTopic("finetuning", 150, async (options) => {
  const { steps, seed, isTrial } = options;
  const shape = { batch: 8, length: 64 };
  const { alphabet, rowsOf, held } = poemRows(options);
  const rows = rowsOf(shape);
  const { userId, assistantId, blanks, encode, padId } = alphabet;
  const { model, parameters } = tinyGlm({ vocabulary: alphabet.size, layers: 2 }, seed);
  const plain: LossOf = (tree, ids, targets) => tokenLoss(model, tree, { ids }, targets);
  const base = await learn({
    parameters,
    loss: plain,
    rows,
    steps: 4 * steps,
    schedule: usualSchedule(3e-3, 4 * steps),
    seed,
  });
  process.stderr.write(`base: ${base.seconds.toFixed(0)} s\n`);

  /** Form and title, then the poem; only the poem and its end are asked for. */
  const sampleOf = ({ form, title, text }: Poem): Sample => {
    const question = [userId, ...encode(`${form}：${[...title].slice(0, 12).join("")}`), assistantId];
    const ids = [...question, ...encode(text), blanks.end];
    return { ids: ids.slice(0, -1), targets: ids.slice(1).map((id, i) => (i < question.length - 1 ? ignored : id)) };
  };
  const asked = packedRows(readPoems("train").slice(0, isTrial ? 200 : undefined), sampleOf, {
    ...shape,
    padId,
    random: createRandom(seed).fork("questions"),
  });
  const answers = readPoems("valid")
    .slice(0, isTrial ? 8 : 400)
    .map(sampleOf);
  const sizeOf = (tree: Parameters<typeof flattenTree<HostTensor>>[0], isCounted: (path: string) => boolean) =>
    flattenTree<HostTensor>(tree).reduce(
      (sum, [path, { shape }]) => sum + (isCounted(path) ? elementCount(shape) : 0),
      0,
    );
  const before = await heldLoss(plain, base.parameters, answers);
  const general = await heldLoss(plain, base.parameters, held);
  const results = [];
  for (const name of methodNames) {
    const random = createRandom(seed).fork("adapter");
    const own = { base: { model, parameters: base.parameters }, folder: "", tokenizerFolder: "", settings, random };
    const method = tuningMethod(name, own);
    const { loss, frozen } = method;
    process.stderr.write(`${name}\n`);
    const tuned = await learnBest(rates[name], { ...method, rows: asked, steps, seed }, answers);
    results.push({
      name,
      ...tuned,
      share: sizeOf(method.parameters, (path) => !frozen(path)) / sizeOf(base.parameters, () => true),
      general: await heldLoss(loss, tuned.parameters, held),
    });
  }
  say(`同一底座（预训练 ${4 * steps} 步），各微调 ${steps} 步，种子 ${seed}`);
  const full = results[0]!;
  table(
    ["方法", "可训练", "学习率", "回答损失", "一般文本损失", "训练状态", "每步用时/全参"],
    [
      ["（未微调）", "", "", before.toFixed(3), general.toFixed(3), "", ""],
      ...results.map((each) => [
        each.name,
        `${(100 * each.share).toFixed(2)} %`,
        String(each.rate),
        each.valid.toFixed(3),
        each.general.toFixed(3),
        `${(each.trainingBytes / 1e6).toFixed(2)} MB`,
        (full.tokensPerSecond / each.tokensPerSecond).toFixed(2),
      ]),
    ],
  );
  const width = Math.max(1, Math.round(steps / 20));
  const figure = chart(
    "五种微调方法",
    [
      {
        title: "训练损失",
        lines: results.map(({ name, losses }) => ({ label: name, points: smooth(losses, width) })),
        xLabel: "步",
      },
      {
        title: "验证回答损失（越低越好）",
        bars: [
          { label: "未微调", value: before, note: before.toFixed(2) },
          ...results.map(({ name, valid, share }) => ({
            label: name,
            value: valid,
            note: `${valid.toFixed(2)}·${(100 * share).toFixed(1)}%`,
          })),
        ],
      },
    ],
    2,
  );
  await saveFigure(options, "finetuning", figure);
});
