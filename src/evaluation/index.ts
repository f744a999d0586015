/** Evaluation: metrics, tasks, and the harness that runs tasks on models. */

export { evaluateTrigram } from "./baselines/evaluate-trigram.ts";
export { characterTrigram, type TextBits, type Trigram, trainTrigram, trigramBits } from "./baselines/trigram.ts";
export { dataFolders } from "./harness/data-folders.ts";
export { openingIds, type SplitIds, splitIds } from "./harness/encode.ts";
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  loadItems,
  measureTask,
  type TaskReport,
} from "./harness/evaluate.ts";
export { type Likelihood, type LikelihoodOptions, logLikelihoods } from "./harness/log-likelihood.ts";
export { reportHtml } from "./harness/report-html.ts";
export { reportTable } from "./harness/report-table.ts";
export type { Figure } from "./harness/summary.ts";
export type {
  ChoiceItem,
  ChoiceTask,
  GenerationItem,
  GenerationTask,
  Scores,
  Task,
  TaskContext,
  TextItem,
  TextTask,
} from "./harness/task.ts";
export { type TextLikelihood, textLikelihoods } from "./harness/text-likelihood.ts";
export * from "./metrics/index.ts";
export { type PoemFormOptions, poemFormTask } from "./tasks/poem-form.ts";
export { poemNextLineTask } from "./tasks/poem-next-line.ts";
export { poemSurpriseTask } from "./tasks/poem-surprise.ts";
export type { PoemTaskOptions } from "./tasks/poems.ts";
export { tasks } from "./tasks/registry.ts";
export { readTexts, textFileTask } from "./tasks/text-file.ts";
export { hasForm, type VerseForm, verseForms, verseLines } from "./verse/form.ts";
export { rhymeClass, rhymes } from "./verse/rhymes.ts";
export { type Tone, toneScore, tonesOf } from "./verse/tones.ts";
