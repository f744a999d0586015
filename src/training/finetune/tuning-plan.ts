/** Steps and rates of a fine-tuning run: what was set by hand stays, the rest follows, each with its reason. */
import { type Derived, usualCheckpoints, usualEvaluations, usualWarmup } from "../runs/depth-plan.ts";
import type { RunRates } from "../runs/schedule-of-run.ts";
import { type RunCosts, reasonOf, stepsWithin } from "../runs/time-plan.ts";
import { usualRates } from "./methods.ts";
import type { SftSettings } from "./settings.ts";

export interface TuningFacts {
  readonly length: number;
  readonly batch: number;
  /** Rows of conversations that one pass over them takes, and how many of a batch they fill. */
  readonly rowsAPass: number;
  readonly ownRows: number;
  /** As measured, where the run has a time to fill. */
  readonly costs: RunCosts | undefined;
}

export interface TuningPlan {
  readonly steps: number;
  readonly training: RunRates;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly derived: readonly Derived[];
}

export function planTuning(settings: SftSettings, facts: TuningFacts): TuningPlan {
  const { training, evaluation, checkpoint, method, minutes } = settings;
  const derived: Derived[] = [];
  const choose = (key: string, given: number | null, value: number, why: string): number => {
    if (given !== null) return given;
    derived.push({ key, value, why });
    return value;
  };
  const { costs, rowsAPass, ownRows, batch } = facts;
  const stepsAPass = rowsAPass / (ownRows * training.accumulate);
  const intervalsOf = (steps: number) => ({
    evaluateEvery: evaluation.every ?? usualEvaluations(steps, evaluation.rows / (batch * training.accumulate)),
    checkpointEvery: checkpoint.every ?? usualCheckpoints(steps),
  });
  const isTimed = minutes !== null && costs !== undefined;
  const steps = choose(
    "training.steps",
    training.steps,
    isTimed ? stepsWithin(60 * minutes, costs, intervalsOf) : Math.max(1, Math.ceil(training.passes * stepsAPass)),
    isTimed ? reasonOf(minutes, costs) : `${training.passes} passes over ${Math.round(rowsAPass)} rows`,
  );
  const learningRate = choose(
    "training.learningRate",
    training.learningRate,
    usualRates[method],
    `usual for ${method}`,
  );
  const minimumLearningRate = choose(
    "training.minimumLearningRate",
    training.minimumLearningRate,
    learningRate / 20,
    "a twentieth of the highest",
  );
  const warmup = usualWarmup(steps, 5);
  const warmupSteps = choose("training.warmupSteps", training.warmupSteps, warmup.value, warmup.why);
  const usual = intervalsOf(steps);
  const evaluateEvery = choose(
    "evaluation.every",
    evaluation.every,
    usual.evaluateEvery,
    "ten times in the run, but at most a tenth of its time",
  );
  const checkpointEvery = choose(
    "checkpoint.every",
    checkpoint.every,
    usual.checkpointEvery,
    "a tenth of the run is what a crash may cost",
  );
  const rates = { learningRate, minimumLearningRate, warmupSteps, steps };
  return { steps, training: rates, evaluateEvery, checkpointEvery, derived };
}
