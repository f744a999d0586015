/** What the contamination check needs to know about each training record: the signatures of deduplication and the shared runs. */
import { type RunTable, sharedRun } from "../contamination/runs.ts";
import { type Batch, createBatchParser, type ParseSettings } from "../sources/index.ts";
import type { BatchResult } from "./batch-result.ts";
import { createSignTask } from "./sign-task.ts";

export interface ContaminationTaskSettings {
  readonly nearMinimum: number;
  readonly runs: RunTable;
}

export async function createContaminationTask(
  { nearMinimum, runs }: ContaminationTaskSettings,
  parse: ParseSettings,
): Promise<(batch: Batch) => BatchResult> {
  const sign = await createSignTask({ near: true, nearMinimum, byLine: false, lineMinimum: 1 }, parse);
  const parseBatch = createBatchParser(parse);
  return (batch) => {
    const owners: number[] = [];
    parseBatch(
      batch,
      ({ slots }) =>
        void owners.push(sharedRun(runs, slots.map(({ holder, key }) => holder[key] as string).join("\n"))),
      () => {},
    );
    return { ...sign(batch), owners: Uint32Array.from(owners) };
  };
}
