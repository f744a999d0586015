/**
 * What may change when a run goes on. Data, seed, model and method are what its checkpoints were made with: another value would
 * do nothing, or make something that is neither run.
 */
import { CongError } from "../../support/errors.ts";
import { flattenTable } from "./resolve-settings.ts";
import type { SettingTable } from "./setting.ts";

/** A setting with a value in a run's config.yaml, and another that was asked for. */
export interface ChangedSetting {
  readonly key: string;
  readonly saved: unknown;
  readonly asked: unknown;
}

const changeable =
  /^(threads|engine|evaluation\..*|checkpoint\..*|training\.(steps|batch|accumulate|learningRate|minimumLearningRate|warmupSteps|schedule|optimizer|dropout|clipNorm))$/;

/**
 * The settings whose values differ.
 * @param keys default: all
 */
export function changedSettings(
  table: SettingTable,
  saved: object,
  asked: object,
  keys: Iterable<string> = flattenTable(table).keys(),
): ChangedSetting[] {
  return [...keys]
    .map((key) => ({ key, saved: valueAt(saved, key), asked: valueAt(asked, key) }))
    .filter((each) => JSON.stringify(each.saved) !== JSON.stringify(each.asked));
}

const valueAt = (values: object, key: string): unknown =>
  key.split(".").reduce<unknown>((at, part) => (at as Readonly<Record<string, unknown>>)[part], values);

/** The changes as "key from → to". */
export const describeChanges = (changes: readonly ChangedSetting[]): string =>
  changes.map(({ key, saved, asked }) => `${key} ${JSON.stringify(saved)} → ${JSON.stringify(asked)}`).join(", ");

/** @throws CongError `BAD_SETTING` naming what a run that goes on cannot change */
export function checkChangeable(folder: string, changes: readonly ChangedSetting[]): void {
  const fixed = changes.filter(({ key }) => !changeable.test(key));
  if (fixed.length === 0) return;
  throw new CongError(
    "BAD_SETTING",
    `the run in ${folder} cannot go on with ${describeChanges(fixed)}`,
    { folder, keys: fixed.map(({ key }) => key) },
    "steps, batch, rates, optimizer, evaluation and checkpoints may change; for anything else begin a run of its own: --out runs/NAME",
  );
}
