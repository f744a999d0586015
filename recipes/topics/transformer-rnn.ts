/**
 * Transformer 还是 RNN？ Both trained here on the same data: loss, speed, and how far gradients reach through time and depth.
 * `npm run recipe -- topics/transformer-rnn`
 *
 * About 99,000 parameters each beside an embedding of one size, the same rows, the same optimizer; each with the
 * better of two peak learning rates on the validation poems.
 */
import { elementCount, flattenTree, type HostTensor } from "../../src/engine/index.ts";
import type { ParameterTree } from "../../src/models/index.ts";
import { chart, type Line } from "./lab/chart.ts";
import { learn, learnBest, smooth, usualSchedule } from "./lab/learn.ts";
import { gradientNorms, hidden, lossOf, type Network, recurrentModel, transformer } from "./lab/networks.ts";
import { poemRows } from "./lab/poems.ts";
import { runTopic, saveFigure, say, table } from "./lab/topic.ts";

type Result = Network & {
  /** Parameters outside the embedding. */
  readonly size: number;
  readonly learned: Awaited<ReturnType<typeof learnBest>>;
  /** Training tokens a second with short rows and with long ones, as many tokens a step. */
  readonly speeds: readonly number[];
  readonly trained: Awaited<ReturnType<typeof gradientNorms>>;
};

await runTopic("transformer-rnn", 300, async (options) => {
  const { steps, seed, isTrial } = options;
  const { alphabet, rowsOf, held } = poemRows(options);
  const rows = rowsOf({ batch: 8, length: 64 });
  const networks = [
    transformer(alphabet.size, 2, seed),
    recurrentModel("LSTM", "lstm", alphabet.size, 3, seed),
    recurrentModel("GRU", "gru", alphabet.size, 4, seed),
  ];
  const lengths = isTrial ? [32, 64] : [32, 256];
  const shaped = lengths.map((length) => rowsOf({ batch: 512 / length, length }));
  const results: Result[] = [];
  for (const network of networks) {
    process.stderr.write(`${network.name}\n`);
    const lesson = { ...network, loss: lossOf(network), seed };
    const speeds: number[] = [];
    for (const longer of shaped) {
      const few = isTrial ? 2 : 12;
      const { tokensPerSecond } = await learn({
        ...lesson,
        rows: longer,
        steps: few,
        schedule: usualSchedule(1e-3, few),
      });
      speeds.push(tokensPerSecond);
    }
    const learned = await learnBest([3e-3, 1e-2], { ...lesson, rows, steps }, held);
    const trained = await gradientNorms(network, learned.parameters, rows(0));
    const count = (tree: ParameterTree<HostTensor>) =>
      flattenTree<HostTensor>(tree).reduce((all, [, { shape }]) => all + elementCount(shape), 0);
    const size = count(network.parameters) - alphabet.size * hidden;
    results.push({ ...network, size, learned, speeds, trained });
  }
  say(`同样的诗、同样的 ${steps} 步（每步 512 字），种子 ${seed}`);
  const speedOf = (speeds: readonly number[], i: number) => (speeds[i]! / results[0]!.speeds[i]!).toFixed(2);
  table(
    [
      "网络",
      "参数（词嵌入外）",
      "学习率",
      "验证损失",
      `训练速度 行长${lengths[0]}`,
      `行长${lengths[1]}`,
      "梯度 隔16字",
      "隔48字",
    ],
    results.map(({ name, size, learned, speeds, trained: { byDistance } }) => [
      name,
      `${(size / 1000).toFixed(0)}k`,
      String(learned.rate),
      learned.valid.toFixed(3),
      speedOf(speeds, 0),
      speedOf(speeds, 1),
      byDistance[16]![1].toExponential(1),
      byDistance[48]![1].toExponential(1),
    ]),
  );
  say("  速度以 Transformer 为 1；梯度以最近一字为 1");

  const depth = isTrial ? 3 : 12;
  const deep = [
    transformer(alphabet.size, depth, seed),
    recurrentModel("LSTM", "lstm", alphabet.size, depth, seed),
    recurrentModel("GRU", "gru", alphabet.size, depth, seed),
    recurrentModel("普通 RNN", "tanh", alphabet.size, depth, seed),
  ];
  const layered: Line[] = [];
  for (const each of deep) {
    const { byDepth } = await gradientNorms(each, each.parameters, rows(0).slice(0, 4));
    layered.push({ label: each.name, points: byDepth });
  }
  say(`\n${depth} 层、未训练时，第 0 层（词嵌入）所得梯度与最高层之比`);
  table(
    ["网络", "比值"],
    layered.map(({ label, points }) => [label, points[0]![1].toExponential(1)]),
  );
  const fresh: Line[] = [];
  for (const each of [...networks, recurrentModel("普通 RNN", "tanh", alphabet.size, 2, seed)]) {
    fresh.push({ label: each.name, points: (await gradientNorms(each, each.parameters, rows(0))).byDistance });
  }
  const width = Math.max(1, Math.round(steps / 25));
  await saveFigure(
    options,
    "transformer-rnn",
    chart(
      "Transformer 与 RNN",
      [
        {
          title: "训练损失",
          lines: results.map(({ name, learned }) => ({ label: name, points: smooth(learned.losses, width) })),
          xLabel: "步",
        },
        { title: `梯度随深度（${depth} 层，未训练）`, lines: layered, isLogarithmic: true, xLabel: "层" },
        { title: "梯度随距离（未训练）", lines: fresh, isLogarithmic: true, xLabel: "相隔字数" },
        {
          title: "梯度随距离（训练后）",
          lines: results.map(({ name, trained }) => ({ label: name, points: trained.byDistance })),
          isLogarithmic: true,
          xLabel: "相隔字数",
        },
      ],
      2,
    ),
  );
});
