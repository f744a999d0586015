/** The tasks that worker threads know, by name: each turns a batch into its result. */
import type { Batch, ParseSettings } from "../sources/index.ts";
import { createAugmentTask } from "./augment-task.ts";
import type { BatchResult } from "./batch-result.ts";
import { createCleanTask } from "./clean-task.ts";
import { createContaminationTask } from "./contamination-task.ts";
import { createLabelTask } from "./label-task.ts";
import { createSignTask } from "./sign-task.ts";

const makers = {
  clean: createCleanTask,
  sign: createSignTask,
  augment: createAugmentTask,
  label: createLabelTask,
  contamination: createContaminationTask,
} as const;

export type TaskName = keyof typeof makers;
export type TaskSettings<T extends TaskName> = Parameters<(typeof makers)[T]>[0];

/** A task as plain data. */
export interface TaskCall<T extends TaskName = TaskName> {
  readonly task: T;
  readonly settings: TaskSettings<T>;
  /** How to read each of the inputs. */
  readonly inputs: readonly ParseSettings[];
}

/** The task's function for batches of the numbered input; made when the first batch of that input comes. */
export function createTask(call: TaskCall): (batch: Batch, input: number) => Promise<BatchResult> {
  const make = makers[call.task] as (settings: unknown, parse: ParseSettings) => Promise<(batch: Batch) => BatchResult>;
  const made = new Map<number, Promise<(batch: Batch) => BatchResult>>();
  return async (batch, input) => {
    let task = made.get(input);
    if (task === undefined) {
      task = make(call.settings, call.inputs[input] ?? {});
      made.set(input, task);
    }
    return (await task)(batch);
  };
}
