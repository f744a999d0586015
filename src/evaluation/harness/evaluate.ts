/** Runs tasks on a model: items in, answers scored, figures out. With a folder, every answer is kept and a run can go on later. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Model, ModelTokenizer } from "../../inference/index.ts";
import { CongError, checkInteger } from "../../support/index.ts";
import { createRandom } from "../../support/random.ts";
import { checkItems, checkNames } from "./check-items.ts";
import { openResultFile, type ResultRecord } from "./result-file.ts";
import { type ItemRunner, runnerFor } from "./runners.ts";
import type { Figure } from "./summary.ts";
import type { Task, TaskContext } from "./task.ts";

export interface EvaluateOptions {
  /** What the model is called in reports. */
  readonly name: string;
  /** Changes when the weights change, so that results of another model are not taken for its own. Default: `name`. */
  readonly identity?: string | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Solved examples before each question. Default: the task's own. */
  readonly shots?: number | undefined;
  /** So many items of each task, drawn by the seed. Default: all. */
  readonly limit?: number | undefined;
  readonly data: TaskContext["data"];
  /** Keep results of items here, and take up those that are there. */
  readonly folder?: string | undefined;
  /** Put prompts of generation tasks into the chat template. Default: where the model has one. */
  readonly chat?: boolean | undefined;
  /** Most tokens of a generated answer. Default: the task's own. */
  readonly maxNewTokens?: number | undefined;
  /** Default: the task's own. */
  readonly temperature?: number | undefined;
  readonly onProgress?: ((task: string, done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TaskReport {
  readonly task: string;
  readonly kind: Task["kind"];
  readonly title: string;
  readonly titleZh: string;
  readonly note?: string | undefined;
  readonly noteZh?: string | undefined;
  readonly shots: number;
  readonly items: number;
  /** Items taken over from an earlier run. */
  readonly resumed: number;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  readonly groups: readonly { readonly group: string; readonly items: number; readonly value: number }[];
  /** What the model wrote, the first few. */
  readonly samples: readonly { readonly prompt: string; readonly output: string }[];
  /** What a reader should know of this run. */
  readonly warnings: readonly string[];
}

export interface Evaluation {
  readonly name: string;
  readonly family: string;
  readonly dtype: string;
  readonly seed: number;
  readonly date: string;
  readonly tasks: readonly TaskReport[];
}

interface AnyItem {
  readonly id: string;
}

/** @throws CongError `NO_TOKENIZER`, `NO_ITEMS`, `BAD_TASK`, `OTHER_RUN`, `DATA_MISSING`, or what the model throws */
export async function evaluate(model: Model, tasks: readonly Task[], options: EvaluateOptions): Promise<Evaluation> {
  const { name, seed = 0, limit, shots } = options;
  if (limit !== undefined) checkInteger("evaluate", { limit }, { min: 1 });
  if (shots !== undefined) checkInteger("evaluate", { shots }, { min: 0 });
  checkInteger("evaluate", { seed }, { min: 0 });
  checkNames(tasks);
  const tokenizer = tokenizerOf(model);
  // All data first: what is missing should not be missed when the tasks before have taken their hours.
  const loaded: (readonly [Task, readonly AnyItem[]])[] = [];
  for (const task of tasks) loaded.push([task, await loadAll<AnyItem>(task, { ...options, seed })]);
  const reports: TaskReport[] = [];
  for (const [task, all] of loaded) reports.push(await evaluateTask(model, tokenizer, task, all, { ...options, seed }));
  const { dtype, config } = model;
  return { name, family: config.family, dtype, seed, date: new Date().toISOString(), tasks: reports };
}

/**
 * Figures of one task by name, each with its interval: for programs that want a number and no report.
 * @throws as `evaluate`
 */
export async function measureTask(
  model: Model,
  task: Task,
  options: Omit<EvaluateOptions, "name">,
): Promise<Readonly<Record<string, Figure>>> {
  const { tasks } = await evaluate(model, [task], { name: "model", ...options });
  return Object.fromEntries(tasks[0]!.figures.map((figure) => [figure.name, figure]));
}

async function evaluateTask(
  model: Model,
  tokenizer: ModelTokenizer,
  task: Task,
  all: readonly AnyItem[],
  options: EvaluateOptions & { readonly seed: number },
): Promise<TaskReport> {
  const started = performance.now();
  const { seed, folder, signal } = options;
  const shots = shotsOf(task, options.shots);
  const items = drawn(all, options.limit, seed, task.name);
  const runner = runnerFor(model, tokenizer, task, items, options);
  const identity = options.identity ?? options.name;
  const run = { task: task.name, version: task.version, model: identity, seed, shots, ...runner.settings };
  const file =
    folder === undefined
      ? undefined
      : await openResultFile(join(folder, `${task.name}.jsonl`), { ...run, data: digestOf(all) });
  try {
    const results = new Map<string, ResultRecord>(file?.done ?? []);
    const resumed = items.filter(({ id }) => results.has(id)).length;
    options.onProgress?.(task.name, resumed, items.length);
    let done = resumed;
    for (let first = 0; first < items.length; first += runner.batchSize) {
      signal?.throwIfAborted();
      const batch = items.slice(first, first + runner.batchSize);
      if (batch.every(({ id }) => results.has(id))) continue;
      // A batch is run whole even when a part of it is there: what is drawn at random depends on the rows beside it.
      const fresh = (await runner.run(batch)).filter(({ id }) => !results.has(id));
      await file?.append(fresh);
      for (const result of fresh) results.set(result.id, result);
      done += fresh.length;
      options.onProgress?.(task.name, done, items.length);
    }
    const ordered = items.map(({ id }) => results.get(id)!);
    const report = reportOf(task, shots, resumed, (performance.now() - started) / 1000, runner, ordered);
    if (shots === (options.shots ?? shots)) return report;
    return { ...report, warnings: [...report.warnings, "--shots changes nothing: this task has no solved examples"] };
  } finally {
    await file?.close();
  }
}

/**
 * The items of a task that a run with these options asks, so that a baseline can be asked the same.
 * @throws CongError `NO_ITEMS`, `BAD_TASK`, `DATA_MISSING`
 */
export async function loadItems<Item extends { readonly id: string }>(
  task: Pick<Task, "name" | "kind" | "defaultShots"> & { load(context: TaskContext): Promise<readonly Item[]> },
  options: Pick<EvaluateOptions, "seed" | "shots" | "limit" | "data">,
): Promise<readonly Item[]> {
  return drawn(await loadAll(task, options), options.limit, options.seed ?? 0, task.name);
}

const shotsOf = ({ takesShots, defaultShots = 0 }: Pick<Task, "takesShots" | "defaultShots">, wanted = defaultShots) =>
  takesShots === false ? 0 : wanted;

/** Items before the limit. */
async function loadAll<Item extends { readonly id: string }>(
  task: Pick<Task, "name" | "kind" | "defaultShots"> & { load(context: TaskContext): Promise<readonly Item[]> },
  { seed = 0, shots = task.defaultShots ?? 0, data }: Pick<EvaluateOptions, "seed" | "shots" | "data">,
): Promise<readonly Item[]> {
  const all = await task.load({ seed, shots, data });
  if (all.length === 0) {
    throw new CongError("NO_ITEMS", `${task.name} has no items`, { task: task.name }, "check the data it reads");
  }
  checkItems(task, all);
  return all;
}

/** Changes with the items: two files of one name, or of two dates, have the same ids, and not the same results. */
function digestOf(items: readonly object[]): string {
  const hash = createHash("sha256");
  for (const item of items) hash.update(`${JSON.stringify(item)}\n`);
  return hash.digest("hex").slice(0, 16);
}

function reportOf(
  task: Task,
  shots: number,
  resumed: number,
  seconds: number,
  runner: ItemRunner,
  results: readonly ResultRecord[],
): TaskReport {
  const { name, kind, title, titleZh, note, noteZh } = task;
  const head = { task: name, kind, title, titleZh, note, noteZh, shots, items: results.length, resumed, seconds };
  return { ...head, ...runner.summarize(results) };
}

/** `count` items drawn without regard to their order, which is kept; without a count, all. */
function drawn<T>(items: readonly T[], count: number | undefined, seed: number, name: string): readonly T[] {
  if (count === undefined || count >= items.length) return items;
  const order = createRandom(seed).fork(`items of ${name}`).permutation(items.length).subarray(0, count);
  return [...order].sort((a, b) => a - b).map((i) => items[i]!);
}

function tokenizerOf({ tokenizer }: Model): ModelTokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new CongError(
    "NO_TOKENIZER",
    "this model has no tokenizer, and the tasks are texts",
    {},
    "copy the tokenizer's files of the same model into the folder",
  );
}
