/** What a task is: items to ask a model, and how an answer is scored. One small file each, under `tasks/`. */

/** What loading and scoring may depend on. */
export interface TaskContext {
  /** Everything drawn at random follows from it. */
  readonly seed: number;
  /** Solved examples before each question, where the task has them. */
  readonly shots: number;
  /** The folder of a data set. @throws CongError `DATA_MISSING` that says how to get it */
  readonly data: (name: string) => string;
}

interface TaskBase<Item> {
  /** As on the command line. */
  readonly name: string;
  /** One line for reports, in English and in Chinese. */
  readonly title: string;
  readonly titleZh: string;
  /** What a reader must know to judge the figures. */
  readonly note?: string | undefined;
  readonly noteZh?: string | undefined;
  /** Changes when the task's items or scores change, so that old results are not mixed with new ones. */
  readonly version: number;
  /** The number of solved examples when the user names none. Default 0. */
  readonly defaultShots?: number | undefined;
  /** Whether solved examples can stand before a question. Default true. */
  readonly takesShots?: false | undefined;
  /** All items in a fixed order. */
  load(context: TaskContext): Promise<readonly Item[]>;
}

/** The model has to find the right continuation likelier than the others. */
export interface ChoiceItem {
  readonly id: string;
  readonly context: string;
  readonly choices: readonly string[];
  /** Index of the right one. */
  readonly answer: number;
  /** Subject: the score is then the mean over subjects. */
  readonly group?: string | undefined;
}

export interface ChoiceTask extends TaskBase<ChoiceItem> {
  readonly kind: "choice";
  /** Which way to compare choices the report leads with. Default "sum". */
  readonly main?: "sum" | "per-byte" | undefined;
  /** Also compare by what the context adds to the likelihood of each choice; asks for each choice twice. Default false. */
  readonly byInformation?: boolean | undefined;
}

/** The model writes, and the text is scored. */
export interface GenerationItem {
  readonly id: string;
  /** What a user would say; put into the chat template where the model has one. */
  readonly prompt: string;
  readonly group?: string | undefined;
}

export type Scores = Readonly<Record<string, number>>;

export interface GenerationTask<Item extends GenerationItem = GenerationItem> extends TaskBase<Item> {
  readonly kind: "generation";
  /** Scores by name; the first is what the report leads with. */
  readonly scores: Readonly<Record<string, { readonly title: string; readonly titleZh: string }>>;
  readonly maxNewTokens: number;
  /** Default 0: the likeliest text. */
  readonly temperature?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  /** Scores of an answer; each between 0 and 1. A score that does not apply is left out. */
  score(item: Item, output: string): Scores;
  /** Scores of what people wrote, as a line to compare with. */
  reference?(items: readonly Item[]): Scores;
}

/** The model's surprise at texts. */
export interface TextItem {
  readonly id: string;
  readonly text: string;
}

export interface TextTask extends TaskBase<TextItem> {
  readonly kind: "text";
}

export type Task = ChoiceTask | GenerationTask | TextTask;
