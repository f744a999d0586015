/** Supervised fine-tuning as one function: a model folder and conversations in; a tuned model or an adapter out. */

import type { HostTensor } from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import { CongError } from "../../support/errors.ts";
import { createRandom } from "../../support/random.ts";
import { createTokenEvaluator, type TokenEvaluator } from "../objectives/evaluator.ts";
import { createObjective } from "../objectives/objective.ts";
import { ignored, type Sample } from "../objectives/samples.ts";
import { checkLooksBack, tokenWeight } from "../objectives/token-loss.ts";
import { createOptimizer, type OptimizerConfig } from "../optimizers/index.ts";
import { checkLength, checkVocabulary, loadBase, tokenizerOfRun } from "../runs/base-model.ts";
import { calibrate } from "../runs/cost.ts";
import type { Derived } from "../runs/depth-plan.ts";
import { describeDerived, describePlan } from "../runs/describe-plan.ts";
import { nothingToLearn, type RunOptions } from "../runs/pretrain.ts";
import { pretrainSettings } from "../runs/pretrain-settings.ts";
import { reportAside } from "../runs/records.ts";
import { resolveSettings } from "../runs/resolve-settings.ts";
import { checkGivesRows, type RowShare, rowBatches } from "../runs/row-stream.ts";
import { checkNewRun, writeRunConfig } from "../runs/run-folder.ts";
import { engineOf, type RunSummary, runTraining } from "../runs/run-training.ts";
import { scheduleOfRun } from "../runs/schedule-of-run.ts";
import { nothingHeldOut, openTextData, type TextData } from "../runs/text-data.ts";
import { measureCosts, type RunCosts, sayStepsCount, secondsToFill } from "../runs/time-plan.ts";
import { trainStep } from "../train-step.ts";
import { createTrainer, type Trainer } from "../trainer.ts";
import { openChatData } from "./chat-data.ts";
import { chatEncoder } from "./chat-samples.ts";
import { tuningMethod } from "./methods.ts";
import type { SftSettings } from "./settings.ts";
import { planTuning } from "./tuning-plan.ts";

/**
 * Fine-tunes a model.
 * @returns undefined after a dry run
 * @throws CongError that names the setting, file or value at fault, before anything is written
 */
export async function sft(settings: SftSettings, options: RunOptions = {}): Promise<RunSummary | undefined> {
  const { resume = false, dryRun = false, say = () => {}, hasColour = false, began = performance.now() } = options;
  const folder = settings.out ?? "runs/sft";
  if (settings.model === null) {
    throw new CongError("BAD_SETTING", "the run names no model to tune", {}, "give --model runs/base/model");
  }
  if (!resume && !dryRun) await checkNewRun(folder);
  const { training, seed } = settings;
  const { tokenizer, folder: tokenizerFolder } = await tokenizerOfRun(settings.tokenizer, settings.model);
  const base = await loadBase(settings.model);
  checkVocabulary(base.model, tokenizer);
  checkLooksBack(base.model, "fine-tuning on answers");
  const random = createRandom(seed).fork("adapter");
  const method = tuningMethod(settings.method, { base, folder: settings.model, tokenizerFolder, settings, random });

  const length = training.length ?? Math.max(2, base.model.config.contextLength - method.virtualTokens);
  // Conversations laid end to end may fill a longer row where positions are relative: each of them is as long as it was.
  const maySpill = training.packing && "rope" in base.model.config;
  if (!resume && !maySpill) checkLength(base.model, length, false);
  const padId = tokenizer.ids.pad ?? tokenizer.ids.end ?? 0;
  const rowOptions = { length, packing: training.packing, padId, seed };
  const data = openChatData(settings.data, { ...rowOptions, encode: chatEncoder(tokenizer, settings.data) });
  const size = await data.measure();
  if (size.samples === 0) throw nothingToLearn(data.aside);
  const batch = training.batch ?? Math.max(1, Math.min(64, Math.round(2048 / length)));
  const replay = openReplay();
  const replayRows =
    replay === undefined ? 0 : Math.min(batch - 1, Math.max(1, Math.round(settings.replay.share * batch)));
  const shares: RowShare[] = [{ stream: data.train, rows: batch - replayRows }];
  if (replay !== undefined) shares.push({ stream: replay.train, rows: replayRows });
  const source = rowBatches(shares);

  const trainer = await createTrainer(
    engineOf(settings.engine, settings.threads),
    trainStep({
      parameters: method.parameters,
      loss: (builder, tensors, random) => {
        const ids = builder.input("ids", "int64", [batch, length]);
        const targets = builder.input("targets", "int64", [batch, length]);
        const dropout = { rate: training.dropout, random };
        const loss = method.loss(tensors as Parameters<typeof method.loss>[0], ids, targets, dropout);
        return training.accumulate === 1 ? { loss } : { loss, weight: tokenWeight(targets) };
      },
      optimizer: createOptimizer(training.optimizer as OptimizerConfig),
      clipNorm: training.clipNorm === 0 ? null : training.clipNorm,
      accumulate: training.accumulate,
      frozen: method.frozen,
      seed,
    }),
  );
  try {
    const rowsAPass = training.packing ? size.tokens / length : size.samples;
    const planWith = (costs: RunCosts | undefined) => {
      const plan = planTuning(settings, { length, batch, rowsAPass, ownRows: batch - replayRows, costs });
      return { plan, schedule: scheduleOfRun(training.schedule, { ...plan.training, steps: plan.steps }) };
    };
    planWith(undefined); // what is wrong with it comes before anything is written
    if (!resume) {
      sayStepsCount(settings.minutes, training.steps, say);
      await checkGivesRows(source);
    }
    const seconds = training.steps === null ? secondsToFill(settings.minutes) : undefined;
    const calibration = dryRun || seconds !== undefined ? await calibrate(trainer, source, seconds) : undefined;
    const validation = dryRun && seconds === undefined ? undefined : await openValidation();
    try {
      const measured = { trainer, evaluate: validation?.evaluate, folder: dryRun ? undefined : folder, began };
      const costs = seconds === undefined ? undefined : await measureCosts({ calibration: calibration!, ...measured });
      const { plan, schedule } = planWith(costs);
      say(describeDerived(derivedOf(plan.derived)));
      const sample = dryRun ? (await data.train.rows().next()).value?.row : undefined;
      const tokensPerStep = batch * training.accumulate * length;
      const facts = { model: base.model, trainer, tokensPerStep, length, calibration, sample, tokenizer, hasColour };
      say(describePlan({ ...facts, steps: plan.steps }));
      say(
        `samples      ${size.samples}, the longest of ${size.longest} tokens${replayRows > 0 ? `; ${replayRows} of ${batch} rows replay general text` : ""}`,
      );
      reportAside(data.aside, say);
      if (dryRun) return undefined;
      await writeRunConfig(folder, "sft", {
        ...settings,
        out: folder,
        training: { ...training, ...plan.training, length, batch },
        evaluation: { ...settings.evaluation, every: plan.evaluateEvery },
        checkpoint: { ...settings.checkpoint, every: plan.checkpointEvery },
      });
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
        evaluate: validation!.evaluate,
        save: () => method.save(folder, trained(trainer)),
        signal: options.signal,
        progress: options.progress,
        say,
      });
      reportAside(data.aside, say); // general texts are read as they are needed
      return summary;
    } finally {
      await validation?.dispose();
    }
  } finally {
    await trainer.dispose();
  }

  /** The losses of what is held out. */
  async function openValidation() {
    const engine = engineOf(settings.engine, settings.threads);
    const { rows: count } = settings.evaluation;
    const options = { batch: Math.min(16, count), length, padId, loss: method.loss };
    const evaluator = await createTokenEvaluator(engine, base.model, trained(trainer), options);
    const held = await data.validRows(count);
    if (held.length === 0) say(nothingHeldOut(settings.data));
    const figures = [
      { name: "validLoss", rows: held },
      { name: "generalLoss", rows: (await replay?.validRows(count)) ?? [] },
    ].filter(({ rows }) => rows.some(({ targets }) => targets.some((target) => target !== ignored)));
    return {
      evaluate: () => evaluateAll(evaluator, trained(trainer), figures),
      dispose: () => evaluator.dispose(),
    };
  }

  /** General text beside the conversations; its own held-out part shows what is forgotten. */
  function openReplay(): TextData | undefined {
    const { share, files, objective, options: rest } = settings.replay;
    if (share === 0) return undefined;
    if (batch < 2) {
      throw new CongError(
        "BAD_SETTING",
        "replay needs a batch of at least 2 rows",
        { batch },
        "set --training.batch 2",
      );
    }
    const general = { ...settings.data, train: files, valid: [], validShare: 0.02, format: null };
    // A misspelt option must not do nothing.
    const { name: _, ...known } = pretrainSettings.objective;
    const { values, given } = resolveSettings(known, rest);
    const chosen = Object.fromEntries(Object.entries(values).filter(([key]) => given.has(key)));
    const made = createObjective({ name: objective, ...chosen }, tokenizer);
    return openTextData(general, { ...rowOptions, packing: true, objective: made, key: "replay.files" }, data.aside);
  }

  function derivedOf(notes: readonly Derived[]): Derived[] {
    const own: Derived[] = [];
    if (training.length === null) {
      own.push({ key: "training.length", value: length, why: "what the model was made for, less virtual tokens" });
    }
    if (training.batch === null) own.push({ key: "training.batch", value: batch, why: "about 2,048 tokens a step" });
    return [...own, ...notes];
  }
}

const trained = (trainer: Trainer): ParameterTree<HostTensor> =>
  trainer.parameters() as unknown as ParameterTree<HostTensor>;

/** The loss of each set of rows by its name. */
async function evaluateAll(
  evaluator: TokenEvaluator,
  parameters: ParameterTree<HostTensor>,
  sets: readonly { readonly name: string; readonly rows: readonly Sample[] }[],
): Promise<Record<string, number>> {
  evaluator.load(parameters);
  const figures: Record<string, number> = {};
  for (const { name, rows } of sets) figures[name] = (await evaluator.evaluate(rows)).loss;
  return figures;
}
