/**
 * Adverts from attributes (ADGEN): LoRA and P-Tuning v2 with at most 2 % of the parameters beside full fine-tuning, on a
 * small base made here from zero. Figures are of the official dev set: loss, ROUGE-L and BLEU-4 of greedy answers, and how
 * much the loss on general text rises, with and without replay of such text.
 *
 * `--held-out` measures on held-out training adverts instead, which is how settings are chosen: several for a method stand
 * between semicolons, `--lora "learningRate=3e-3;lora.alpha=8,learningRate=5e-3"`, and the one with the lowest loss counts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CongError } from "../src/support/index.ts";
import type { Override } from "../src/training/index.ts";
import { type Base, baseName, makeBase } from "./adgen/base.ts";
import { type Measured, type MeasureOptions, measure } from "./adgen/measure.ts";
import { readTexts, type Texts } from "./adgen/records.ts";
import { type Method, methods, trainedShare, tune } from "./adgen/tuning.ts";
import { type Benchmark, type Row, say, threadsOf } from "./report.ts";

export const adgenBenchmark: Benchmark = {
  summary: "adverts from attributes: LoRA and P-Tuning v2 beside full fine-tuning, and what each forgets",
  options:
    "[--seeds 0,1,2] [--base-steps 3000] [--passes 2] [--methods full,lora,ptuning-v2] [--replay with,without] [--no-answers] [--held-out] [--threads 2] [--keep FOLDER] [--full|--lora|--ptuning-v2 KEY=VALUE,…;…]",
  async run(options) {
    // A request that is to be refused must not cost the training of a base first.
    for (const method of methodNames) variantsOf(method, options);
    const texts = readTexts();
    const rows: Row[] = [];
    for (const seed of (options.get("seeds") ?? "0").split(",").map(Number)) rows.push(await run(seed, texts, options));
    return rows;
  },
};

type Options = ReadonlyMap<string, string>;
const methodNames = Object.keys(methods) as Method[];

async function run(seed: number, texts: Texts, options: Options): Promise<Row> {
  const began = performance.now();
  const minutes = () => Number(((performance.now() - began) / 60_000).toFixed(2));
  const kept = options.get("keep");
  const folder = kept === undefined ? mkdtempSync(join(tmpdir(), "adgen-")) : join(kept, `seed-${seed}`);
  try {
    const threads = threadsOf(options);
    const steps = Number(options.get("base-steps") ?? 3000);
    const base = await makeBase(texts, { folder: join(folder, "base"), seed, steps, threads });
    const baseMinutes = minutes();
    const measuring: MeasureOptions = {
      adverts: options.has("held-out") ? base.files.heldOut : base.files.dev,
      general: texts.generalHeldOut,
      answers: !options.has("no-answers"),
      threads,
    };
    const untuned = await measure(base.folder, undefined, { ...measuring, answers: false });
    const passes = Number(options.get("passes") ?? 2);
    const runs: Run[] = [];
    for (const replay of listed(options, "replay", ["with", "without"])) {
      for (const method of listed(options, "methods", methodNames)) {
        for (const settings of variantsOf(method, options)) {
          runs.push(await tuneAndMeasure(base, { method, replay, seed, folder, measuring, settings, passes, untuned }));
        }
      }
    }
    return {
      seed,
      ...summaryOf(runs),
      measuredOn: options.has("held-out") ? "held-out" : "dev",
      baseMinutes,
      minutes: minutes(),
      base: { name: baseName, ...untuned },
      runs,
    };
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true });
  }
}

/** One tuned model. */
interface Run extends Measured {
  readonly method: Method;
  readonly replay: Replay;
  /** Settings other than the chosen ones. */
  readonly settings: string;
  /** Trained parameters as a share of the base's. */
  readonly trained: number;
  /** Loss on general text over that of the base, less 1. */
  readonly generalRise: number;
  readonly seconds: number;
}
type Replay = "with" | "without";

interface Task {
  readonly method: Method;
  readonly replay: Replay;
  readonly seed: number;
  readonly folder: string;
  readonly measuring: MeasureOptions;
  readonly settings: string;
  readonly passes: number;
  readonly untuned: Measured;
}

async function tuneAndMeasure(base: Base, task: Task): Promise<Run> {
  const { method, replay, seed, folder, measuring, settings, passes, untuned } = task;
  const out = mkdtempSync(join(folder, `${method}-${replay}-replay-`));
  const overrides = overridesOf(settings);
  const { threads } = measuring;
  const tuned = await tune(base, { method, out, seed, threads, passes, hasReplay: replay === "with", overrides });
  const measured = await measure(tuned.folder, tuned.adapter, measuring);
  const run: Run = {
    method,
    replay,
    settings,
    trained: await trainedShare(base.folder, tuned),
    ...measured,
    generalRise: measured.generalLoss / untuned.generalLoss - 1,
    seconds: tuned.seconds,
  };
  say(JSON.stringify(run));
  return run;
}

/** LoRA and P-Tuning v2 over full fine-tuning with the same replay; and the largest rise on general text. */
function summaryOf(runs: readonly Run[]): Row {
  const row: Record<string, number> = {};
  for (const replay of ["with", "without"] as const) {
    const name = (text: string) => (replay === "with" ? text : `${text}NoReplay`);
    const best = methodNames.flatMap((method) => {
      const own = runs.filter((run) => run.replay === replay && run.method === method);
      return own.length === 0 ? [] : [own.reduce((a, b) => (b.loss < a.loss ? b : a))];
    });
    const full = best.find(({ method }) => method === "full");
    for (const { method, loss, rougeL, bleu4, trained } of best) {
      if (full === undefined || method === "full") continue;
      const short = method === "lora" ? "lora" : "ptuning";
      row[`${short}Trained`] = trained;
      row[name(`${short}Loss`)] = loss / full.loss - 1;
      if (rougeL !== undefined && full.rougeL !== undefined) row[name(`${short}RougeL`)] = rougeL / full.rougeL;
      if (bleu4 !== undefined && full.bleu4 !== undefined) row[name(`${short}Bleu4`)] = bleu4 / full.bleu4;
    }
    if (best.length > 0) row[name("generalRise")] = Math.max(...best.map(({ generalRise }) => generalRise));
  }
  return row;
}

const listed = <const T extends string>(options: Options, name: string, all: readonly T[]): T[] => {
  const wanted = options.get(name)?.split(",");
  return all.filter((each) => wanted === undefined || wanted.includes(each));
};

/**
 * The settings of a method to try, as typed; "" is what was chosen.
 * @throws CongError `BAD_ARGUMENT` for several on the dev set
 */
function variantsOf(method: Method, options: Options): string[] {
  const variants = (options.get(method) ?? "").split(";");
  if (variants.length === 1 || options.has("held-out")) return variants;
  throw new CongError(
    "BAD_ARGUMENT",
    `adgen: ${variants.length} settings for ${method} would be compared on the official dev set`,
    { method, variants },
    "choose with --held-out, then run the best one",
  );
}

/** `lora.rank=4,learningRate=1e-2` */
const overridesOf = (text: string): Override[] =>
  text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, at), part.slice(at + 1)] as const;
    });
