/** Cleaning of files, augmentation and labelling of files: steps without a memory, ready to call. */

import type { CleanSettings } from "./clean/index.ts";
import type { LabelSchema } from "./label/schema.ts";
import type { StepReport } from "./report.ts";
import type { AugmentSettings } from "./steps/augment-task.ts";
import { runStep, type StepOptions } from "./steps/run-step.ts";
import type { TaskName } from "./steps/tasks.ts";

export type FilesOptions<T extends TaskName> = Pick<
  StepOptions<T>,
  "inputs" | "output" | "threads" | "partBytes" | "progress"
>;

/** Cleans files into one; see CleanSettings. Memory does not depend on their size. */
export const clean = (settings: CleanSettings, options: FilesOptions<"clean">): Promise<StepReport> =>
  runStep({ ...options, step: "clean", task: "clean", settings });

/** Adds changed copies of records; see AugmentSettings. */
export const augment = (settings: AugmentSettings, options: FilesOptions<"augment">): Promise<StepReport> =>
  runStep({ ...options, step: "augment", task: "augment", settings });

/** Labels records by rules and lexicons; see LabelSchema. */
export const label = (schema: LabelSchema, options: FilesOptions<"label">): Promise<StepReport> =>
  runStep({ ...options, step: "label", task: "label", settings: schema });
