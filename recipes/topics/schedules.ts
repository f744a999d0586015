/**
 * 学习率怎么变？ All learning-rate schedules of src/training/schedules on one task: `npm run recipe -- topics/schedules`.
 *
 * The same model from the same first weights, the same rows in the same order, the same peak; only the schedule differs.
 */

import { createSchedule, type ScheduleConfig, type ScheduleName, schedules } from "../../src/training/index.ts";
import type { LossOf } from "../../src/training/objectives/evaluator.ts";
import { tokenLoss } from "../../src/training/objectives/token-loss.ts";
import { chart } from "./lab/chart.ts";
import { heldLoss, learn, smooth } from "./lab/learn.ts";
import { poemRows } from "./lab/poems.ts";
import { tinyGlm } from "./lab/tiny-glm.ts";
import { runTopic, saveFigure, say, table } from "./lab/topic.ts";

/** Every schedule for a run of `totalSteps` with a given peak; a schedule without a row here does not compile. */
function configs(learningRate: number, totalSteps: number): { readonly [K in ScheduleName]: ScheduleConfig } {
  const warmupSteps = Math.min(Math.ceil(totalSteps / 20), totalSteps - 1);
  const left = totalSteps - warmupSteps;
  const minimumLearningRate = learningRate / 10;
  const usual = { learningRate, warmupSteps };
  const stableSteps = Math.floor(left * 0.7);
  return {
    constant: { name: "constant", ...usual },
    linear: { name: "linear", ...usual, totalSteps },
    polynomial: { name: "polynomial", ...usual, totalSteps, power: 2 },
    cosine: { name: "cosine", ...usual, totalSteps, minimumLearningRate },
    cosine_with_restarts: {
      name: "cosine_with_restarts",
      ...usual,
      cycleSteps: Math.ceil(left / 3),
      minimumLearningRate,
    },
    exponential: { name: "exponential", ...usual, decayFactor: 0.01 ** (1 / left) },
    step: { name: "step", ...usual, decayFactor: 0.3, stepSize: Math.ceil(left / 4) },
    one_cycle: { name: "one_cycle", learningRate, totalSteps },
    inverse_sqrt: { name: "inverse_sqrt", ...usual },
    wsd: { name: "wsd", ...usual, stableSteps, decaySteps: left - stableSteps },
    glm_cosine: { name: "glm_cosine", ...usual, decaySteps: left },
    glm_linear: { name: "glm_linear", ...usual, decaySteps: left },
  };
}

await runTopic("schedules", 400, async (options) => {
  const { steps, seed } = options;
  const { alphabet, rowsOf, held } = poemRows(options);
  const rows = rowsOf({ batch: 8, length: 64 });
  const { model, parameters } = tinyGlm({ vocabulary: alphabet.size, layers: 2 }, seed);
  const loss: LossOf = (tree, ids, targets) => tokenLoss(model, tree, { ids }, targets);
  const peak = 3e-3;
  const results = [];
  for (const [name, schedule] of Object.entries(configs(peak, steps))) {
    const { losses, parameters: learned, seconds } = await learn({ parameters, loss, rows, steps, schedule, seed });
    const valid = await heldLoss(loss, learned, held);
    const rateAt = createSchedule(schedule);
    const rates = Array.from({ length: steps }, (_, n) => rateAt(n));
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / steps / peak;
    results.push({ name, valid, losses, rates, mean, last: rates.at(-1)! / peak, seconds });
    process.stderr.write(`${name}: ${valid.toFixed(3)}, ${seconds.toFixed(0)} s\n`);
  }
  say(`${Object.keys(schedules).length} 种学习率曲线，各训练 ${steps} 步，峰值 ${peak}，种子 ${seed}`);
  const best = [...results].sort((a, b) => a.valid - b.valid);
  table(
    ["曲线", "验证损失", "平均学习率/峰值", "末步/峰值"],
    best.map(({ name, valid, mean, last }) => [name, valid.toFixed(3), mean.toFixed(2), last.toFixed(3)]),
  );

  const width = Math.max(1, Math.round(steps / 20));
  const curves = results.map(({ losses }) => smooth(losses, width));
  const all = curves.flat().map(([, y]) => y);
  const range = [Math.min(...all), Math.min(Math.max(...all), 6.6)] as const;
  const panels = results.map(({ name, valid, rates }, i) => ({
    title: `${name}  ${valid.toFixed(3)}`,
    lines: [
      { label: "训练损失", points: curves[i]! },
      // The rate is drawn on the same axis, from its bottom at 0 to its top at the peak.
      {
        label: "学习率",
        isBackground: true,
        points: rates.map((rate, n) => [n, range[0] + (range[1] - range[0]) * (rate / peak)] as const),
      },
    ],
    yRange: range,
  }));
  await saveFigure(options, "schedules", chart("十二种学习率曲线与训练损失", panels, 3));
});
