/**
 * Poems from zero: bits a character on test poems, beside a modified Kneser–Ney trigram of the same training split; the
 * choice of the next line among four of the same form; then, fine-tuned on requests, forms kept by poems written on unseen
 * titles, what 8 and 4 bits cost, and whether the export writes the same.
 *
 * Bits: whole body after `[gMASK]<sop>`, Han characters and punctuation, no title, without the end of the poem, for both.
 * A character that the trigram never saw costs it one token shared by all such; the model spells it in bytes.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Poem, poemFile, readPoems } from "../recipes/parts/shipped-poems.ts";
import {
  dataFolders,
  evaluateTrigram,
  type Figure,
  measureTask,
  poemFormTask,
  poemNextLineTask,
  poemSurpriseTask,
} from "../src/evaluation/index.ts";
import type { Model } from "../src/inference/index.ts";
import { unknownName } from "../src/support/suggest.ts";
import { pretrain, pretrainSettings, resolveSettings, trainTokenizer } from "../src/training/index.ts";
import { exportAgreement, roundedTo, withModel } from "./poems/compress.ts";
import { tunePoems } from "./poems/tune.ts";
import { type Benchmark, type Row, say, threadsOf } from "./report.ts";

type Options = ReadonlyMap<string, string>;

/**
 * Pre-training of about half an hour on two Zen 5 cores, more than twice that on two Ice Lake cores. Five passes over the
 * poems: with three, lines were chosen by their words rather than by what stands before them (docs/log.md).
 */
const oneHour = {
  depth: 6,
  model: { hidden: 256, heads: 4, feedForward: 704 },
  // Most poems are one blank from their first character to their last: that is what is measured, and asked for later.
  objective: { name: "blank-infilling", token: 0.1, sentence: 0.1, generation: 0.8, shortestGeneration: 1 },
  training: {
    // Two or three poems a row: one begins often, and few stand behind others that have nothing to do with them.
    length: 128,
    batch: 32,
    steps: 3200,
    // Muon for the hidden matrices, AdamW at a tenth of its rate for the rest.
    optimizer: { name: "muon", weightDecay: 0.1, fallbackRate: 0.1 },
    learningRate: 0.02,
    minimumLearningRate: 0.0002,
  },
  evaluation: { rows: 256 },
} as const;

/** Stages after pre-training. */
const stages = ["next-line", "sft", "quantize", "export"] as const;
type Stage = (typeof stages)[number];

export const poems: Benchmark = {
  summary: "poems from zero: bits a character beside a trigram, next line among four, forms kept, compressed, exported",
  options: `[--seeds 0,1,2] [--steps 3200 | --minutes 60] [--depth 6] [--vocabulary 7000] [--sft-steps 400] [--choices 1000] [--asked 200] [--threads 2] [--skip ${stages.join(",")}] [--from MODEL_FOLDER] [--keep FOLDER]`,
  async run(options) {
    const train = readPoems("train");
    const baseline = await trigramFigures(
      train.map(({ text }) => text),
      options,
    );
    say(
      `trigram: ${baseline.bits.toFixed(4)} bits a character, next line ${(100 * baseline.nextLine.value).toFixed(1)} %`,
    );
    const rows: Row[] = [];
    for (const seed of (options.get("seeds") ?? "0").split(",").map(Number)) {
      rows.push(await run(seed, { train, baseline }, options));
    }
    return rows;
  },
};

interface Shared {
  readonly train: readonly Poem[];
  readonly baseline: Baseline;
}

async function run(seed: number, shared: Shared, options: Options): Promise<Row> {
  const kept = options.get("keep");
  const folder = kept === undefined ? mkdtempSync(join(tmpdir(), "poems-")) : join(kept, `seed-${seed}`);
  const began = performance.now();
  const minutes = () => Number(((performance.now() - began) / 60_000).toFixed(2));
  const skipped = skippedStages(options);
  mkdirSync(folder, { recursive: true });
  try {
    const base = await pretrained(seed, folder, options);
    const trainedAfter = minutes();
    const before = await measureBase(base.model, shared.baseline, options);
    const head = { seed, steps: base.steps, ...before.row };
    say(`after ${minutes()} minutes: ${JSON.stringify(head)}`);
    if (skipped.has("sft")) {
      return { ...head, ...(await compressed(base.model, before.perplexity, skipped)), minutes: minutes() };
    }
    const { train } = shared;
    const steps = Number(options.get("sft-steps") ?? 400);
    const tuningFrom = minutes();
    const threads = threadsOf(options);
    const replay = poemFile("train");
    const tuned = await tunePoems({ folder, model: base.model, poems: train, replay, steps, seed, threads });
    const trainMinutes = Number((trainedAfter + minutes() - tuningFrom).toFixed(2));
    const after = await measureTuned(tuned, options);
    const rest = { ...after.row, ...(await compressed(tuned, after.perplexity, skipped)) };
    // Training alone, and everything with measuring.
    return { ...head, ...rest, trainMinutes, minutes: minutes() };
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Tokenizer and pre-training; or the folder of a model that is there already. */
async function pretrained(
  seed: number,
  folder: string,
  options: Options,
): Promise<{ readonly model: string; readonly steps: number | undefined }> {
  const given = options.get("from");
  if (given !== undefined) return { model: given, steps: undefined };
  const tokenizerFolder = join(folder, "tokenizer");
  const vocabularySize = Number(options.get("vocabulary") ?? 7000);
  await trainTokenizer({ files: [poemFile("train")], out: tokenizerFolder, vocabularySize, words: "characters" });
  const minutes = options.get("minutes");
  const steps = minutes === undefined ? Number(options.get("steps") ?? oneHour.training.steps) : null;
  const settings = resolveSettings(pretrainSettings, {
    ...oneHour,
    depth: Number(options.get("depth") ?? oneHour.depth),
    out: join(folder, "run"),
    seed,
    threads: threadsOf(options),
    ...(minutes === undefined ? {} : { minutes: Number(minutes) }),
    tokenizer: tokenizerFolder,
    data: { train: [poemFile("train")], valid: [poemFile("valid")] },
    training: {
      ...oneHour.training,
      steps,
      warmupSteps: steps === null ? null : Math.min(100, Math.ceil(steps / 10)),
    },
  }).values;
  const summary = await pretrain(settings, { say });
  return { model: join(folder, "run", "model"), steps: summary!.steps };
}

interface Baseline {
  readonly bits: number;
  readonly nextLine: Figure;
}

const measuring = (options: Options, limit?: "choices" | "asked") => ({
  data: dataFolders(),
  ...(limit === undefined ? {} : { limit: Number(options.get(limit) ?? { choices: 1000, asked: 200 }[limit]) }),
});

const interval = ({ low, high }: Figure): readonly [number, number] => [low, high];

async function trigramFigures(learned: readonly string[], options: Options): Promise<Baseline> {
  const [surprise, nextLine] = [poemSurpriseTask(), poemNextLineTask()];
  const read = await evaluateTrigram(learned, [surprise], measuring(options));
  const chosen = await evaluateTrigram(learned, [nextLine], measuring(options, "choices"));
  const bits = read[surprise.name]!.find(({ name }) => name === "bits_per_character")!.value;
  return { bits, nextLine: chosen[nextLine.name]![0]! };
}

interface Measured {
  readonly row: Row;
  /** Of a token, on whole test poems. */
  readonly perplexity: number;
}

const surpriseOf = async (model: Model, options: Options): Promise<{ bits: number; perplexity: number }> => {
  const figures = await measureTask(model, poemSurpriseTask(), measuring(options));
  return { bits: figures.bits_per_character!.value, perplexity: figures.perplexity!.value };
};

/** Surprise, and lines chosen, by the pretrained model. */
const measureBase = (folder: string, baseline: Baseline, options: Options): Promise<Measured> =>
  withModel(folder, async (model) => {
    const { bits, perplexity } = await surpriseOf(model, options);
    const row = { bitsPerCharacter: bits, trigram: baseline.bits, below: 1 - bits / baseline.bits };
    if (skippedStages(options).has("next-line")) return { row, perplexity };
    const { accuracy, accuracy_by_information: byInformation } = await measureTask(
      model,
      poemNextLineTask(),
      measuring(options, "choices"),
    );
    const choice = {
      nextLine: accuracy!.value,
      nextLineInterval: interval(accuracy!),
      nextLineByInformation: byInformation!.value,
      nextLineByInformationInterval: interval(byInformation!),
    };
    return { row: { ...row, ...choice, trigramNextLine: baseline.nextLine.value }, perplexity };
  });

/** Poems of four lines written on unseen titles, and what fine-tuning did to the surprise. */
const measureTuned = (folder: string, options: Options): Promise<Measured> =>
  withModel(folder, async (model) => {
    const task = poemFormTask({ forms: ["五绝", "七绝"] });
    const { form, tones, rhyme } = await measureTask(model, task, { ...measuring(options, "asked"), maxNewTokens: 48 });
    const { bits, perplexity } = await surpriseOf(model, options);
    const row = {
      bitsAfterSft: bits,
      form: form!.value,
      formInterval: interval(form!),
      // Judged where the form holds; the poets' own poems under the same rules beside them.
      tones: tones?.value,
      tonesOfPoets: tones?.reference,
      rhyme: rhyme?.value,
      rhymeOfPoets: rhyme?.reference,
    };
    return { row, perplexity };
  });

async function compressed(model: string, perplexity: number, skipped: ReadonlySet<Stage>): Promise<Row> {
  const quantized = skipped.has("quantize")
    ? {}
    : { int8: await roundedTo(8, model, perplexity), int4: await roundedTo(4, model, perplexity) };
  if (skipped.has("export")) return quantized;
  const prompts = readPoems("test").slice(0, 20);
  return {
    ...quantized,
    exported: await exportAgreement(
      model,
      prompts.map(({ text }) => text.slice(0, 3)),
    ),
  };
}

function skippedStages(options: Options): ReadonlySet<Stage> {
  const named = (options.get("skip") ?? "").split(",").filter((name) => name !== "");
  const unknown = named.find((name) => !stages.includes(name as Stage));
  if (unknown !== undefined) throw unknownName("stage", unknown, stages);
  return new Set(named as Stage[]);
}
