/** What the quick start measures after each stage: the harness's tasks on the test split, with intervals. */
import {
  type ChoiceTask,
  dataFolders,
  type EvaluateOptions,
  evaluate,
  evaluateTrigram,
  type Figure,
  type Task,
  type TaskReport,
  type TextTask,
  tasks,
} from "../../src/evaluation/index.ts";
import { loadModel } from "../../src/inference/index.ts";
import { shown } from "./report.ts";

export interface Scored {
  /** Figures by `task.figure`, such as `poem-form.form`. */
  readonly figures: ReadonlyMap<string, Figure>;
  /** What the model wrote on request, the first few. */
  readonly samples: TaskReport["samples"];
}

export interface ScoreOptions {
  /** Holds `test.jsonl.gz`. */
  readonly data: string;
  /** Poems that are read, and poems that are asked for. */
  readonly limits: { readonly read: number; readonly written: number };
}

/** How likely the model finds unseen poems, and which line goes on: asked of every stage. */
const reading = [tasks["poem-surprise"] as TextTask, tasks["poem-next-line"] as ChoiceTask] as const;

const optionsOf = ({ data }: ScoreOptions, limit: number): Omit<EvaluateOptions, "name"> => ({
  data: dataFolders({ poems: data }),
  limit,
});

/**
 * Loads a folder and measures it.
 * @param writing tasks whose answers the model writes; samples are of the first
 */
export async function scoreFolder(
  folder: string,
  options: ScoreOptions,
  writing: readonly Task[],
  adapter?: string,
): Promise<Scored> {
  const model = await loadModel(folder, { adapter });
  try {
    const { read, written } = options.limits;
    const readings = await evaluate(model, reading, { name: folder, ...optionsOf(options, read) });
    const writings = await evaluate(model, writing, { name: folder, ...optionsOf(options, written) });
    const reports = [...readings.tasks, ...writings.tasks];
    return {
      figures: new Map(
        reports.flatMap(({ task, figures }) => figures.map((figure) => [`${task}.${figure.name}`, figure] as const)),
      ),
      samples: writings.tasks[0]?.samples ?? [],
    };
  } finally {
    await model.dispose();
  }
}

/** The baseline, asked the same. */
export async function scoreTrigram(learned: readonly string[], options: ScoreOptions): Promise<Scored> {
  const figures = await evaluateTrigram(learned, reading, optionsOf(options, options.limits.read));
  return {
    figures: new Map(
      Object.entries(figures).flatMap(([task, own]) =>
        own.map((figure) => [`${task}.${figure.name}`, figure] as const),
      ),
    ),
    samples: [],
  };
}

/** Figures of the stages, by the names that `Scored` has them under. */
export const figureNames = {
  bits: "poem-surprise.bits_per_character",
  nextLine: "poem-next-line.accuracy",
  form: "poem-form.form",
  rhyme: "poem-form.rhyme",
  tones: "poem-form.tones",
  length: "poem-instructions.length",
  dynasty: "poem-instructions.dynasty",
  author: "poem-instructions.author",
} as const;

/** A figure for people, without its interval; a dash where it was not measured. */
export function shortly({ figures }: Scored, name: keyof typeof figureNames): string {
  const figure = figures.get(figureNames[name]);
  return figure === undefined ? "–" : shown(figure.value, figure.unit);
}

/** A figure with its 95 % interval. */
export function withInterval({ figures }: Scored, name: keyof typeof figureNames): string {
  const figure = figures.get(figureNames[name])!;
  const [value, low, high] = [figure.value, figure.low, figure.high].map((each) => shown(each, figure.unit));
  return `${value} (${low} – ${high})`;
}
