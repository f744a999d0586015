/** The three kinds of tasks: how items are put to the model, and what their results say together. */
import type { Model, ModelTokenizer } from "../../inference/index.ts";
import { CongError } from "../../support/index.ts";
import { createRandom } from "../../support/random.ts";
import { applyChatTemplate, type ChatTemplate, resolveTemplate, stopIds } from "../../tokenizers/index.ts";
import { checkScores } from "./check-items.ts";
import { splitIdsFromStart } from "./encode.ts";
import { logLikelihoods } from "./log-likelihood.ts";
import type { ResultRecord } from "./result-file.ts";
import {
  type ChoiceResult,
  choiceFigures,
  type Figure,
  type GenerationResult,
  generationFigures,
  groupAccuracies,
  isRight,
  isRightPerByte,
  type TextResult,
  textFigures,
} from "./summary.ts";
import type { ChoiceItem, ChoiceTask, GenerationItem, GenerationTask, Task, TextItem, TextTask } from "./task.ts";
import { textLikelihoods } from "./text-likelihood.ts";

/** Runs items of one task. */
export interface ItemRunner {
  /** What results depend on besides model, seed and shots. */
  readonly settings: object;
  /** Items run together, and kept together. */
  readonly batchSize: number;
  run(items: readonly { readonly id: string }[]): Promise<readonly ResultRecord[]>;
  summarize(results: readonly ResultRecord[]): RunSummary;
}

export interface RunSummary {
  readonly figures: readonly Figure[];
  readonly groups: readonly { readonly group: string; readonly items: number; readonly value: number }[];
  readonly samples: readonly { readonly prompt: string; readonly output: string }[];
  readonly warnings: readonly string[];
}

export interface RunnerOptions {
  readonly seed: number;
  readonly chat?: boolean | undefined;
  readonly maxNewTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function runnerFor(
  model: Model,
  tokenizer: ModelTokenizer,
  task: Task,
  items: readonly { readonly id: string }[],
  options: RunnerOptions,
): ItemRunner {
  switch (task.kind) {
    case "choice":
      return choiceRunner(model, tokenizer, task, options);
    case "generation":
      return generationRunner(model, tokenizer, task, items as readonly GenerationItem[], options);
    case "text":
      return textRunner(model, tokenizer, task, options);
  }
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

function choiceRunner(
  model: Model,
  tokenizer: ModelTokenizer,
  { main = "sum", byInformation = false }: ChoiceTask,
  { seed, signal }: RunnerOptions,
): ItemRunner {
  return {
    settings: {},
    batchSize: 64,
    async run(items) {
      const all = items as readonly ChoiceItem[];
      const asked = (before: (item: ChoiceItem) => string) =>
        logLikelihoods(
          model,
          all.flatMap((item) =>
            item.choices.map((choice) => splitIdsFromStart(tokenizer, model.endIds, before(item), choice)),
          ),
          { signal },
        );
      const found = await asked(({ context }) => context);
      const alone = byInformation ? await asked(() => "") : undefined;
      let at = 0;
      return all.map(({ id, group, answer, choices }): ChoiceResult & { readonly cut: number } => {
        const own = found.slice(at, at + choices.length);
        const ownAlone = alone?.slice(at, at + choices.length).map(({ logProbability }) => logProbability);
        at += choices.length;
        return {
          id,
          ...(group === undefined ? {} : { group }),
          answer,
          logProbabilities: own.map(({ logProbability }) => logProbability),
          bytes: choices.map(bytesOf),
          ...(ownAlone === undefined ? {} : { alone: ownAlone }),
          cut: Math.max(...own.map(({ cut }) => cut)),
        };
      });
    },
    summarize(records) {
      const results = records as readonly (ChoiceResult & { readonly cut: number })[];
      const figures = choiceFigures(results, seed);
      const leading = main === "sum" ? "accuracy" : "accuracy_per_byte";
      const cut = results.filter((result) => result.cut > 0).length;
      return {
        // A stable sort: the others keep their order.
        figures: [...figures].sort((a, b) => Number(b.name === leading) - Number(a.name === leading)),
        groups: groupAccuracies(results, main === "sum" ? isRight : isRightPerByte),
        samples: [],
        warnings:
          cut === 0 ? [] : [`${cut} of ${results.length} prompts were longer than the context and lost their start`],
      };
    },
  };
}

function generationRunner(
  model: Model,
  tokenizer: ModelTokenizer,
  task: GenerationTask,
  items: readonly GenerationItem[],
  options: RunnerOptions,
): ItemRunner {
  const { seed, signal } = options;
  const template = templateFor(tokenizer, options.chat);
  const maxNewTokens = options.maxNewTokens ?? task.maxNewTokens;
  const temperature = options.temperature ?? task.temperature ?? 0;
  const prompts = new Map(items.map(({ id, prompt }) => [id, prompt]));
  const batchSize = rowsAtOnce(model);
  return {
    settings: { chat: template?.name ?? null, maxNewTokens, temperature, items: items.length, batchSize },
    batchSize,
    async run(records) {
      const batch = records as readonly GenerationItem[];
      const asked = batch.map(({ prompt }) => promptIds(model, tokenizer, template, prompt));
      const [key] = createRandom(seed).fork(`${task.name}: ${batch[0]!.id}`).state().key;
      const request = { inputIds: asked.map(({ ids }) => ids), endIds: asked[0]!.endIds, maxNewTokens, temperature };
      const answers = await model.generate({ ...request, stop: task.stop, seed: key, signal });
      return batch.map((item, row): GenerationResult => {
        const text = answers[row]!.text ?? "";
        const output = template === undefined ? text : (template.parseReply(text).message.content ?? "");
        const group = item.group === undefined ? {} : { group: item.group };
        const scores = task.score(item, output);
        checkScores(task.name, Object.keys(task.scores), item.id, scores);
        return { id: item.id, ...group, output, scores };
      });
    },
    summarize(records) {
      const results = records as readonly GenerationResult[];
      const samples = results.slice(0, 8).map(({ id, output }) => ({ prompt: prompts.get(id)!, output }));
      const warnings = template === undefined ? ["the model has no chat template: it was given the bare prompts"] : [];
      return { figures: generationFigures(task, items, results, seed), groups: [], samples, warnings };
    },
  };
}

/** Answers written together. Each step of a small model costs little more for 64 rows than for 16; a large one has no room. */
const rowsAtOnce = ({ config }: Model): number => (config.hidden * config.layers <= 8192 ? 64 : 16);

/** A prompt as the user's message of a conversation, or as it is. */
function promptIds(
  model: Model,
  tokenizer: ModelTokenizer,
  template: ChatTemplate | undefined,
  prompt: string,
): { readonly ids: readonly number[]; readonly endIds: readonly number[] } {
  if (template === undefined) return { ids: tokenizer.encode(prompt), endIds: model.endIds };
  const ids = applyChatTemplate(tokenizer, [{ role: "user", content: prompt }], { template, tokenize: true });
  return { ids, endIds: [...new Set([...model.endIds, ...stopIds(tokenizer, template)])] };
}

/** The model's chat template; undefined where it has none or none is wanted. */
function templateFor(tokenizer: ModelTokenizer, wanted: boolean | undefined): ChatTemplate | undefined {
  if (wanted === false) return undefined;
  try {
    return resolveTemplate(tokenizer, tokenizer.chatTemplate);
  } catch (error) {
    if (wanted !== true && CongError.is(error) && error.code === "UNKNOWN_CHAT_TEMPLATE") return undefined;
    throw error;
  }
}

function textRunner(
  model: Model,
  tokenizer: ModelTokenizer,
  _task: TextTask,
  { seed, signal }: RunnerOptions,
): ItemRunner {
  return {
    settings: {},
    batchSize: 64,
    async run(items) {
      const all = items as readonly TextItem[];
      const texts = all.map(({ text }) => text);
      const found = await textLikelihoods(model, tokenizer, texts, { signal });
      return all.map(({ id, text }, i): TextResult => {
        return { id, ...found[i]!, characters: [...text].length, bytes: bytesOf(text) };
      });
    },
    summarize: (records) => ({
      figures: textFigures(records as readonly TextResult[], seed),
      groups: [],
      samples: [],
      warnings: [],
    }),
  };
}
