/**
 * 自监督学什么？ Causal, masked and blank-infilling pre-training of one network on the same poems, then two questions to each:
 * go on with a poem, and fill in one missing character. `npm run recipe -- topics/objectives`
 *
 * The three have the same layers, first weights and number of rows. Only the masked one looks both ways.
 */
import { constant } from "../../src/engine/index.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import { causalBlankSample, drawBlanks } from "../../src/training/objectives/blank-infilling.ts";
import type { LossOf } from "../../src/training/objectives/evaluator.ts";
import { maskedSample } from "../../src/training/objectives/masked.ts";
import { ignored, nextTokenSample, type Sample } from "../../src/training/objectives/samples.ts";
import { tokenLoss } from "../../src/training/objectives/token-loss.ts";
import { readPoems } from "../parts/shipped-poems.ts";
import { type Alphabet, createAlphabet } from "./lab/alphabet.ts";
import { chart } from "./lab/chart.ts";
import { heldLoss, learn, smooth, usualSchedule } from "./lab/learn.ts";
import { packedRows } from "./lab/poems.ts";
import { tinyGlm } from "./lab/tiny-glm.ts";
import { runTopic, saveFigure, say, table } from "./lab/topic.ts";

interface Objective {
  readonly name: string;
  /** Looks at later tokens, too. */
  readonly isBidirectional: boolean;
  readonly train: (ids: readonly number[], random: Random) => Sample;
  /** Asks for the character at a place, everything else given as far as the model can use it. */
  readonly fill: (ids: readonly number[], place: number) => Sample;
  /** Asks for everything from a place on. */
  readonly proceed: (ids: readonly number[], place: number) => readonly Sample[];
}

/** Targets at the given places only. */
const only = ({ ids, targets }: Sample, isAsked: (place: number) => boolean): Sample => ({
  ids,
  targets: targets.map((target, i) => (isAsked(i) ? target : ignored)),
});

function objectives({ blanks, specials, size, encode }: Alphabet): Objective[] {
  const causal = (ids: readonly number[]) => nextTokenSample([blanks.start, ...ids]);
  const maskedAt = (ids: readonly number[], place: number): Sample => ({
    ids: ids.map((id, i) => (i === place ? blanks.mask : id)),
    targets: ids.map((id, i) => (i === place ? id : ignored)),
  });
  const blankAt = (ids: readonly number[], from: number, to: number, mask: number): Sample => {
    const span = { maskPosition: from, ids: ids.slice(from, to) };
    const mode = { mode: "generation", partA: [...ids.slice(0, from), mask, ...ids.slice(to)], spans: [span] } as const;
    const sample = causalBlankSample(mode, blanks);
    return only(sample, (i) => i < sample.ids.length - 1); // the end of the blank is not a character
  };
  const ends = new Set(encode("。！？；"));
  const modes = { token: 0.4, sentence: 0.2, generation: 0.4 };
  const endsSentence = (id: number) => ends.has(id);
  return [
    {
      name: "因果",
      isBidirectional: false,
      train: causal,
      fill: (ids, place) => only(causal(ids), (i) => i === place),
      proceed: (ids, place) => [only(causal(ids), (i) => i >= place)],
    },
    {
      name: "掩码",
      isBidirectional: true,
      train: (ids, random) => maskedSample(ids, { mask: blanks.mask, vocabulary: size, special: specials }, random),
      fill: maskedAt,
      // One character at a time, each the last of what is shown: the only way in which a masked model goes on with a text.
      proceed: (ids, place) => ids.slice(place).map((_, n) => maskedAt(ids.slice(0, place + n + 1), place + n)),
    },
    {
      name: "空格填充",
      isBidirectional: false,
      train: (ids, random) => causalBlankSample(drawBlanks(ids, blanks, { modes, endsSentence }, random), blanks),
      fill: (ids, place) => blankAt(ids, place, place + 1, blanks.mask),
      proceed: (ids, place) => [blankAt(ids, place, ids.length, blanks.generationMask)],
    },
  ];
}

await runTopic("objectives", 800, async (options) => {
  const { steps, seed, isTrial } = options;
  const random = createRandom(seed);
  const poems = readPoems("train").slice(0, isTrial ? 200 : undefined);
  const alphabet = createAlphabet(poems.map(({ text }) => text));
  const texts = poems.map(({ text }) => alphabet.encode(text));
  const held = readPoems("valid")
    .slice(0, isTrial ? 2 : 200)
    .map(({ text }) => alphabet.encode(text));
  const places = held.map((ids) => random.integer(ids.length));
  const marks = new Set(alphabet.encode("，。！？；"));
  const { model, parameters } = tinyGlm({ vocabulary: alphabet.size, layers: 2 }, seed);
  const results = [];
  for (const objective of objectives(alphabet)) {
    const { name, isBidirectional, train, fill, proceed } = objective;
    // A bias of 0 in the place of the causal mask lets every token see every other.
    const loss: LossOf = (tree, ids, targets) => {
      const inputs = isBidirectional ? { ids, bias: constant(ids, "float32", [1, 1, 1, 1], [0]) } : { ids };
      return tokenLoss(model, tree, inputs, targets);
    };
    const shape = { batch: 8, length: 64, padId: alphabet.padId, random: random.fork("rows") };
    const rows = packedRows(texts, train, shape);
    const {
      losses,
      parameters: learned,
      seconds,
    } = await learn({ parameters, loss, rows, steps, schedule: usualSchedule(3e-3, steps), seed });
    const bits = async (samples: readonly Sample[]) => (await heldLoss(loss, learned, samples)) / Math.LN2;
    // Punctuation is nearly certain from its place alone, so a character of Han is asked for.
    const missing = held.map((ids, i) => fill(ids, marks.has(ids[places[i]!]!) ? places[i]! - 1 : places[i]!));
    const rest = held.flatMap((ids) => proceed(ids, Math.floor(ids.length / 2)));
    const asked = Array.from({ length: Math.min(steps, 50) }, (_, n) =>
      rows(n).flatMap(({ targets }) => targets),
    ).flat();
    const share = asked.filter((target) => target !== ignored).length / asked.length;
    results.push({ name, losses, share, fill: await bits(missing), proceed: await bits(rest) });
    process.stderr.write(`${name}: ${seconds.toFixed(0)} s\n`);
  }
  const width = Math.max(1, Math.round(steps / 25));
  const last = (losses: readonly number[]) => smooth(losses, width).at(-1)![1] / Math.LN2;
  say(`同一网络、同样的诗、各 ${steps} 步（每步 512 个词元），种子 ${seed}；比特越低越好`);
  table(
    ["目标", "每行被问的词元", "自己的训练损失（比特）", "补一字（比特）", "续下半首（比特/字）"],
    results.map(({ name, losses, share, fill, proceed }) => [
      name,
      `${(100 * share).toFixed(0)} %`,
      last(losses).toFixed(2),
      fill.toFixed(2),
      proceed.toFixed(2),
    ]),
  );
  const figure = chart(
    "三种自监督目标",
    [
      {
        title: "各自的训练损失（纳特，不可互比）",
        lines: results.map(({ name, losses }) => ({ label: name, points: smooth(losses, width) })),
        xLabel: "步",
      },
      {
        title: "同样的问题（比特，越低越好）",
        bars: results.flatMap(({ name, fill, proceed }) => [
          { label: `${name}·补一字`, value: fill, note: fill.toFixed(2) },
          { label: `${name}·续写`, value: proceed, note: proceed.toFixed(2) },
        ]),
      },
    ],
    2,
  );
  await saveFigure(options, "objectives", figure);
});
