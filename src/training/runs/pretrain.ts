/** Pre-training as one function: settings in; a run folder with a trained model out. */

import type { HostTensor, Tensor } from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import { CongError } from "../../support/errors.ts";
import type { ProgressOptions } from "../../support/progress.ts";
import { createRandom } from "../../support/random.ts";
import type { LoadedTokenizer } from "../../tokenizers/index.ts";
import { createTokenEvaluator } from "../objectives/evaluator.ts";
import { createObjective } from "../objectives/objective.ts";
import type { Sample } from "../objectives/samples.ts";
import { checkLooksBack, type Model, tokenLoss, tokenWeight } from "../objectives/token-loss.ts";
import { createOptimizer, type OptimizerConfig } from "../optimizers/index.ts";
import { trainStep } from "../train-step.ts";
import { createTrainer, type Trainer } from "../trainer.ts";
import { checkLength, checkVocabulary, loadBase, saveModel, tokenizerOfRun } from "./base-model.ts";
import { type Calibration, calibrate, countParameters } from "./cost.ts";
import { type Derived, planBatch, planModel, planTraining, type UpdatePlan } from "./depth-plan.ts";
import { describeDerived, describePlan } from "./describe-plan.ts";
import { checkAgrees, freshParameters, modelFromSettings } from "./new-model.ts";
import type { PretrainSettings } from "./pretrain-settings.ts";
import { reportAside, type SetAside } from "./records.ts";
import { checkGivesRows, rowBatches } from "./row-stream.ts";
import { checkNewRun, writeRunConfig } from "./run-folder.ts";
import { engineOf, modelFolder, type RunSummary, runTraining } from "./run-training.ts";
import { scheduleOfRun } from "./schedule-of-run.ts";
import { type DataSize, measureData, nothingHeldOut, openTextData, type TextData } from "./text-data.ts";
import { measureCosts, type RunCosts, sayStepsCount, secondsToFill } from "./time-plan.ts";

export interface RunOptions {
  /** Go on with the run in the folder; otherwise the folder must not hold one. Default false. */
  readonly resume?: boolean;
  /** Print the plan and stop. Default false. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressOptions;
  /** Takes what a person should read. Default: nothing. */
  readonly say?: (text: string) => void;
  /** When the run began, as `performance.now()`, for settings with `minutes`; 0: with the process. Default: now. */
  readonly began?: number;
  /** Colours in the sample of the plan. Default false. */
  readonly hasColour?: boolean;
}

/**
 * Pre-trains a model.
 * @returns undefined after a dry run
 * @throws CongError that names the setting, file or value at fault, before anything is written
 */
export async function pretrain(settings: PretrainSettings, options: RunOptions = {}): Promise<RunSummary | undefined> {
  const { resume = false, dryRun = false, say = () => {}, began = performance.now() } = options;
  const folder = settings.out ?? "runs/pretrain";
  if (!resume && !dryRun) await checkNewRun(folder);
  const prepared = await prepare(settings, !resume);
  const { model, trainer, data, tokenizer, tokenizerFolder, length, batch } = prepared;
  try {
    const source = rowBatches([{ stream: data.train, rows: batch }]);
    const planWith = (costs: RunCosts | undefined) => {
      const plan = planTraining(settings, batch, factsOf(prepared, costs));
      return { plan, schedule: scheduleOfRun(settings.training.schedule, plan) };
    };
    planWith(undefined); // what is wrong with it comes before anything is written
    if (!resume) {
      sayStepsCount(settings.minutes, settings.training.steps, say);
      await checkGivesRows(source);
    }
    const seconds = settings.training.steps === null ? secondsToFill(settings.minutes) : undefined;
    const calibration = dryRun || seconds !== undefined ? await calibrate(trainer, source, seconds) : undefined;
    const isEvaluated = !dryRun || seconds !== undefined;
    const rows = isEvaluated ? await data.validRows(settings.evaluation.rows) : [];
    if (isEvaluated && rows.length === 0) say(nothingHeldOut(settings.data));
    const evaluator = await validation(settings, prepared, rows);
    try {
      const { evaluate } = evaluator;
      const measured = { trainer, evaluate, folder: dryRun ? undefined : folder, began };
      const costs = seconds === undefined ? undefined : await measureCosts({ calibration: calibration!, ...measured });
      const { plan, schedule } = planWith(costs);
      say(describeDerived([...prepared.derived, ...plan.derived]));
      say(await planText(settings, prepared, plan, calibration, options.hasColour ?? false));
      reportAside(data.aside, say);
      if (dryRun) return undefined;
      await writeRunConfig(folder, "pretrain", withPlan(settings, folder, model, length, plan));
      const summary = await runTraining({
        folder,
        trainer,
        data: source,
        schedule,
        steps: plan.steps,
        evaluateEvery: plan.evaluateEvery,
        checkpointEvery: plan.checkpointEvery,
        keepCheckpoints: settings.checkpoint.keep,
        patience: settings.evaluation.patience,
        evaluate,
        save: () => saveModel(modelFolder(folder), model, parametersOf(trainer), tokenizerFolder),
        signal: options.signal,
        progress: options.progress,
        say,
      });
      reportAside(data.aside, say); // data of several windows are read to their end only now
      return summary;
    } finally {
      await evaluator.dispose();
    }
  } finally {
    await trainer.dispose();
  }

  function factsOf({ dataSize }: Prepared, costs: RunCosts | undefined) {
    const { characters, tokensPerCharacter, isAll } = dataSize;
    return {
      layers: model.config.layers,
      hidden: model.config.hidden,
      length,
      innerParameters: countParameters(model).inner,
      dataTokens: isAll ? characters * tokensPerCharacter : undefined,
      costs,
    };
  }

  async function planText(
    settings: PretrainSettings,
    { dataSize }: Prepared,
    plan: UpdatePlan,
    calibration: Calibration | undefined,
    hasColour: boolean,
  ): Promise<string> {
    const first = dryRun ? (await data.train.rows().next()).value?.row : undefined;
    return describePlan({
      model,
      trainer,
      tokensPerStep: batch * settings.training.accumulate * length,
      length,
      steps: plan.steps,
      dataSize,
      calibration,
      sample: first,
      tokenizer,
      hasColour,
    });
  }
}

interface Prepared {
  readonly model: Model;
  readonly trainer: Trainer;
  readonly data: TextData;
  readonly dataSize: DataSize;
  readonly tokenizer: LoadedTokenizer;
  readonly tokenizerFolder: string;
  readonly length: number;
  readonly batch: number;
  readonly padId: number;
  readonly derived: readonly Derived[];
}

/** @param isNew a run that was begun is gone on with as it is */
async function prepare(settings: PretrainSettings, isNew: boolean): Promise<Prepared> {
  const { training, model: wanted, seed } = settings;
  const { tokenizer, folder: tokenizerFolder } = await tokenizerOfRun(settings.tokenizer, wanted.from);
  const random = createRandom(seed);
  const base = wanted.from === null ? undefined : await loadBase(wanted.from);
  const { sizes, length, derived } = planModel(settings, base?.model.config.contextLength);
  const model = base?.model ?? modelFromSettings(settings, sizes, tokenizer);
  if (isNew && base !== undefined) checkAgrees(settings, model);
  if (isNew) checkLength(model, length, base === undefined);
  checkVocabulary(model, tokenizer);
  const parameters = base?.parameters ?? freshParameters(model, random.fork("weights"));
  const padId = tokenizer.ids.pad ?? tokenizer.ids.end ?? 0;
  if (settings.objective.name !== "masked") checkLooksBack(model, settings.objective.name);
  const objective = createObjective(settings.objective, tokenizer);
  const data = openTextData(settings.data, { objective, length, packing: training.packing, padId, seed });
  const dataSize = await measureData(settings.data, tokenizer, data.aside);
  if (dataSize.texts === 0) throw nothingToLearn(data.aside);
  const rows = planBatch(training.batch, { layers: model.config.layers, length });
  const trainer = await createTrainer(
    engineOf(settings.engine, settings.threads),
    trainStep({
      parameters,
      loss: (builder, tensors, random) => {
        const ids = builder.input("ids", "int64", [rows.batch, length]);
        const targets = builder.input("targets", "int64", [rows.batch, length]);
        const inputs = { ids, dropout: { rate: training.dropout, random } };
        const loss = tokenLoss(model, tensors as ParameterTree<Tensor>, inputs, targets);
        return training.accumulate === 1 ? { loss } : { loss, weight: tokenWeight(targets) };
      },
      optimizer: createOptimizer(training.optimizer as OptimizerConfig),
      clipNorm: training.clipNorm === 0 ? null : training.clipNorm,
      accumulate: training.accumulate,
      frozen: (path) => model.family.isBuffer?.(path) ?? false,
      seed,
    }),
  );
  const notes = base === undefined ? derived : derived.filter(({ key }) => !key.startsWith("model."));
  return {
    model,
    trainer,
    data,
    dataSize,
    tokenizer,
    tokenizerFolder,
    length,
    batch: rows.batch,
    padId,
    derived: [...notes, ...rows.derived],
  };
}

const parametersOf = (trainer: Trainer): ParameterTree<HostTensor> =>
  trainer.parameters() as unknown as ParameterTree<HostTensor>;

/** The validation loss of the trainer's model; nothing without rows. */
async function validation(
  settings: PretrainSettings,
  { model, trainer, length, padId }: Prepared,
  rows: readonly Sample[],
) {
  if (rows.length === 0) return { evaluate: async () => ({}), dispose: async () => {} };
  const engine = engineOf(settings.engine, settings.threads);
  const batch = Math.min(16, rows.length);
  const evaluator = await createTokenEvaluator(engine, model, parametersOf(trainer), { batch, length, padId });
  return {
    async evaluate(): Promise<Readonly<Record<string, number>>> {
      evaluator.load(parametersOf(trainer));
      const { loss } = await evaluator.evaluate(rows);
      return { validLoss: loss, validPerplexity: Math.exp(loss) };
    },
    dispose: () => evaluator.dispose(),
  };
}

/** The settings with every number that was worked out. */
function withPlan(
  settings: PretrainSettings,
  folder: string,
  { config }: Model,
  length: number,
  plan: UpdatePlan,
): PretrainSettings {
  const feedForward = (config as { readonly feedForward?: number }).feedForward ?? settings.model.feedForward;
  const { layers, hidden, heads, keyValueHeads, contextLength: context } = config;
  return {
    ...settings,
    out: folder,
    model: { ...settings.model, layers, hidden, heads, keyValueHeads, feedForward, context },
    training: {
      ...settings.training,
      length,
      batch: plan.batch,
      steps: plan.steps,
      learningRate: plan.learningRate,
      minimumLearningRate: plan.minimumLearningRate,
      warmupSteps: plan.warmupSteps,
    },
    evaluation: { ...settings.evaluation, every: plan.evaluateEvery },
    checkpoint: { ...settings.checkpoint, every: plan.checkpointEvery },
  };
}

/** The error for files that hold nothing of use, with what was found instead. */
export function nothingToLearn({ count, examples }: SetAside): CongError {
  const found =
    count === 0 ? "the files are empty" : `all ${count} records were set aside:\n  ${examples.join("\n  ")}`;
  return new CongError("NO_DATA", `there is nothing to learn: ${found}`, { count }, "see `congling data preview`");
}
