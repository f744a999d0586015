/** The held-out poems that the poem tasks are made from. */
import { join } from "node:path";
import type { TaskContext } from "../harness/task.ts";
import { type VerseForm, verseForms } from "../verse/form.ts";
import { readTaskRecords } from "./read-records.ts";

export interface Poem {
  readonly id: string;
  readonly title: string;
  readonly form: VerseForm;
  readonly text: string;
}

/** Which poems a task asks. Settings are chosen on "valid", results come from "test", the default. */
export interface PoemTaskOptions {
  readonly split?: "valid" | "test";
}

/** Poems of a split that have one of the four forms. */
export async function readPoems({ data }: Pick<TaskContext, "data">, split: "valid" | "test"): Promise<Poem[]> {
  const records = await readTaskRecords(join(data("poems"), `${split}.jsonl.gz`), ["title", "form", "text"]);
  return records.flatMap(({ title, form, text }, i) =>
    Object.hasOwn(verseForms, form) ? [{ id: `poem-${i}`, title, form: form as VerseForm, text }] : [],
  );
}

/** Lines with the mark behind each: "白日依山尽，", "黄河入海流。" */
export const markedLines = (text: string): string[] => text.match(/[^\p{P}\s]+\p{P}?/gu) ?? [];
