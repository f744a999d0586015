/**
 * Transformer 还是 RNN？ Both trained here on the same data: loss, speed, and how far gradients reach through time and depth.
 * `npm run recipe -- topics/transformer-rnn`
 *
 * About 99,000 parameters each beside an embedding of one size, the same rows, the same optimizer; the peak learning
 * rate of each is the best of 1e-3, 3e-3 and 1e-2 on the validation poems.
 */
import { elementCount, flattenTree, type HostTensor } from "../../src/engine/index.ts";
import type { ParameterTree } from "../../src/models/index.ts";
import { chart, type Line } from "./lab/chart.ts";
import { heldLoss, type Learned, learn, smooth, usualSchedule } from "./lab/learn.ts";
import { gradientNorms, hidden, lossOf, type Network, recurrentModel, transformer } from "./lab/networks.ts";
import { poemRows } from "./lab/poems.ts";
import { tinyGlm } from "./lab/tiny-glm.ts";
import { runTopic, saveFigure, say, type TopicOptions, table } from "./lab/topic.ts";

/** Tokens a second of training, with as many tokens in few long rows as in many short ones. */
async function speed(network: Network, options: TopicOptions, length: number): Promise<number> {
  const { rows } = poemRows(options, { batch: 512 / length, length });
  const steps = options.isTrial ? 2 : 12;
  const schedule = usualSchedule(1e-3, steps);
  const { tokensPerSecond } = await learn({
    ...network,
    loss: lossOf(network),
    rows,
    steps,
    schedule,
    seed: options.seed,
  });
  return tokensPerSecond;
}

type Result = Network & {
  /** Parameters outside the embedding. */
  readonly size: number;
  readonly learned: Learned;
  readonly valid: number;
  readonly speeds: readonly number[];
  readonly trained: Awaited<ReturnType<typeof gradientNorms>>;
};

await runTopic("transformer-rnn", 400, async (options) => {
  const { steps, seed, isTrial } = options;
  const { alphabet, rows, held } = poemRows(options, { batch: 8, length: 64 });
  const networks = [
    transformer(alphabet.size, 2, seed),
    recurrentModel("LSTM", "lstm", alphabet.size, 3, seed),
    recurrentModel("GRU", "gru", alphabet.size, 4, seed),
  ];
  const results: Result[] = [];
  const lengths = isTrial ? [32, 64] : [32, 256];
  for (const network of networks) {
    const loss = lossOf(network);
    const schedule = usualSchedule(network.rate, steps);
    const learned = await learn({ ...network, loss, rows, steps, schedule, seed });
    const { model } = tinyGlm({ vocabulary: 9, layers: 1 }, 0); // the evaluator asks for one; the loss is ours
    const valid = await heldLoss(model, loss, learned.parameters, held);
    const speeds: number[] = [];
    for (const length of lengths) speeds.push(await speed(network, options, length));
    const trained = await gradientNorms(network, learned.parameters, rows(0));
    const count = (tree: ParameterTree<HostTensor>) =>
      flattenTree<HostTensor>(tree).reduce((all, [, { shape }]) => all + elementCount(shape), 0);
    const size = count(network.parameters) - alphabet.size * hidden;
    results.push({ ...network, size, learned, valid, speeds, trained });
    process.stderr.write(`${network.name}: ${valid.toFixed(3)}, ${learned.seconds.toFixed(0)} s\n`);
  }
  say(`同样的诗、同样的 ${steps} 步（每步 512 字），种子 ${seed}`);
  const speedOf = (speeds: readonly number[], i: number) => (speeds[i]! / results[0]!.speeds[i]!).toFixed(2);
  table(
    [
      "网络",
      "参数（词嵌入外）",
      "验证损失",
      `训练速度 行长${lengths[0]}`,
      `行长${lengths[1]}`,
      "梯度 隔16字",
      "隔48字",
    ],
    results.map(({ name, size, valid, speeds, trained: { byDistance } }) => [
      name,
      `${(size / 1000).toFixed(0)}k`,
      valid.toFixed(3),
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
        { title: "梯度随深度（12 层，未训练）", lines: layered, isLogarithmic: true, xLabel: "层" },
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
