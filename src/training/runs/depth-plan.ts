/**
 * The single dial: everything about a small pre-training run from its number of layers. Whatever is set by hand stays,
 * and the rest follows from it. Each number comes with its reason, to be printed.
 */
import type { PretrainSettings } from "./pretrain-settings.ts";
import { type RunCosts, reasonOf, stepsWithin } from "./time-plan.ts";

/** A number that was worked out. */
export interface Derived {
  readonly key: string;
  readonly value: number;
  readonly why: string;
}

/** Takes what was given, or works it out and notes the reason. */
function chooser(notes: Derived[]) {
  return (key: string, given: number | null, value: () => number, why: string): number => {
    if (given !== null) return given;
    const found = value();
    notes.push({ key, value: found, why });
    return found;
  };
}

export interface ModelSizes {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly feedForward: number;
  readonly context: number;
}

export const channelsOfHead = 64;

const usualDepth = 4;
const usualLength = 256;

/**
 * Sizes of the network, and tokens a row, from the depth.
 * @param longest text that the model to go on from was made for
 */
export function planModel(
  { depth, model, training }: PretrainSettings,
  longest = Infinity,
): {
  readonly sizes: ModelSizes;
  readonly length: number;
  readonly derived: readonly Derived[];
} {
  const derived: Derived[] = [];
  const choose = chooser(derived);
  const layers = choose("model.layers", model.layers, () => depth ?? usualDepth, "the dial");
  const hidden = choose(
    "model.hidden",
    model.hidden,
    () => channelsOfHead * Math.max(2, layers),
    "64 channels a layer keep width and depth in proportion (nanochat); at least 128",
  );
  const heads = choose(
    "model.heads",
    model.heads,
    () => Math.max(1, Math.floor(hidden / channelsOfHead)),
    `heads of ${channelsOfHead} channels`,
  );
  const keyValueHeads = choose(
    "model.keyValueHeads",
    model.keyValueHeads,
    () => heads,
    "every head its own: sharing saves cache, which a small model has little of",
  );
  const isGated = model.type !== "bert";
  const feedForward = choose(
    "model.feedForward",
    model.feedForward,
    () => (isGated ? 64 * Math.ceil((8 * hidden) / 3 / 64) : 4 * hidden),
    isGated
      ? "8/3 of the width, in steps of 64: a gated layer with as many weights as a plain one of 4 (Shazeer 2020)"
      : "4 times the width (Vaswani et al. 2017)",
  );
  const limit = model.context ?? longest;
  const length = choose(
    "training.length",
    training.length,
    () => Math.min(usualLength, limit),
    limit < usualLength ? "what the model is made for" : "tokens a row; longer ones cost attention",
  );
  const context = choose("model.context", model.context, () => length, "what the model sees in training");
  return { sizes: { layers, hidden, heads, keyValueHeads, feedForward, context }, length, derived };
}

/** What the training's numbers depend on besides the settings. */
export interface TrainingFacts {
  readonly layers: number;
  readonly hidden: number;
  readonly length: number;
  /** Weights besides the embeddings. */
  readonly innerParameters: number;
  /** Tokens of all the data, where that is known. */
  readonly dataTokens: number | undefined;
  /** As measured, where the run has a time to fill. */
  readonly costs?: RunCosts | undefined;
}

export interface UpdatePlan {
  readonly batch: number;
  readonly learningRate: number;
  readonly minimumLearningRate: number;
  readonly steps: number;
  readonly warmupSteps: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly derived: readonly Derived[];
}

/** Passes over the data after which more of them teach little. */
const mostPasses = 12;

/** Rows of a micro-batch; needed before the step can be timed. */
export function planBatch(given: number | null, { layers, length }: Pick<TrainingFacts, "layers" | "length">) {
  const derived: Derived[] = [];
  const batch = chooser(derived)(
    "training.batch",
    given,
    () => Math.max(1, Math.round((512 * Math.max(4, layers)) / length)),
    "512 tokens a layer: large enough to keep the cores busy, small enough for many steps",
  );
  return { batch, derived };
}

/** Learning rate, steps and when to look, from the settings and the facts. */
export function planTraining(settings: PretrainSettings, batch: number, facts: TrainingFacts): UpdatePlan {
  const { training, evaluation, checkpoint, minutes } = settings;
  const derived: Derived[] = [];
  const choose = chooser(derived);
  const tokensPerStep = batch * training.accumulate * facts.length;
  const learningRate = choose(
    "training.learningRate",
    training.learningRate,
    () => Number((3e-3 * Math.sqrt(128 / facts.hidden)).toPrecision(3)),
    "3e-3 at 128 channels (bench shakespeare), falling with the root of the width: a guess, try its half and its double",
  );
  const minimumLearningRate = choose(
    "training.minimumLearningRate",
    training.minimumLearningRate,
    () => learningRate / 20,
    "a twentieth of the highest",
  );
  const intervalsOf = (steps: number) => ({
    evaluateEvery: evaluation.every ?? usualEvaluations(steps, (evaluation.rows * facts.length) / tokensPerStep),
    checkpointEvery: checkpoint.every ?? usualCheckpoints(steps),
  });
  const timed =
    minutes === null || facts.costs === undefined
      ? undefined
      : { value: stepsWithin(60 * minutes, facts.costs, intervalsOf), why: reasonOf(minutes, facts.costs) };
  const { value, why } = timed ?? stepsFrom(tokensPerStep, facts);
  const steps = choose("training.steps", training.steps, () => value, why);
  const warmup = usualWarmup(steps, 10);
  const warmupSteps = choose("training.warmupSteps", training.warmupSteps, () => warmup.value, warmup.why);
  const usual = intervalsOf(steps);
  const evaluateEvery = choose(
    "evaluation.every",
    evaluation.every,
    () => usual.evaluateEvery,
    "ten times in the run, but at most a tenth of its time",
  );
  const checkpointEvery = choose(
    "checkpoint.every",
    checkpoint.every,
    () => usual.checkpointEvery,
    "a tenth of the run is what a crash may cost",
  );
  return {
    batch,
    learningRate,
    minimumLearningRate,
    steps,
    warmupSteps,
    evaluateEvery,
    checkpointEvery,
    derived,
  };
}

/** @param fewest steps that a warm-up takes where the run has more */
export function usualWarmup(steps: number, fewest: number): { readonly value: number; readonly why: string } {
  const share = Math.round(0.03 * steps);
  if (share >= fewest) return { value: share, why: "3 % of the steps" };
  if (steps > fewest) return { value: fewest, why: `at least ${fewest} steps` };
  return { value: Math.max(0, steps - 1), why: "all steps but one: the run is short" };
}

/** @param validationShare tokens of a validation, of those of a step; forward alone, they cost a third */
export const usualEvaluations = (steps: number, validationShare: number): number =>
  Math.max(1, Math.round(steps / 10), Math.min(steps, Math.ceil((10 * validationShare) / 3)));

export const usualCheckpoints = (steps: number): number => Math.max(1, Math.min(1000, Math.round(steps / 10)));

function stepsFrom(
  tokensPerStep: number,
  { innerParameters, dataTokens }: TrainingFacts,
): { readonly value: number; readonly why: string } {
  const wanted = Math.ceil((20 * innerParameters) / tokensPerStep);
  const most = dataTokens === undefined ? Infinity : Math.ceil((mostPasses * dataTokens) / tokensPerStep);
  if (wanted <= most) {
    return { value: Math.max(1, wanted), why: "20 tokens for each weight besides embeddings (Hoffmann et al. 2022)" };
  }
  return {
    value: Math.max(1, most),
    why: `${mostPasses} passes over the data: after some four, repeated text teaches less and less (Muennighoff et al. 2023)`,
  };
}
