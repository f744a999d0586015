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

/** Poems of the test split that have one of the four forms. */
export async function testPoems({ data }: Pick<TaskContext, "data">): Promise<Poem[]> {
  const records = await readTaskRecords(join(data("poems"), "test.jsonl.gz"), ["title", "form", "text"]);
  return records.flatMap(({ title, form, text }, i) =>
    Object.hasOwn(verseForms, form) ? [{ id: `poem-${i}`, title, form: form as VerseForm, text }] : [],
  );
}

/** Lines with the mark behind each: "白日依山尽，", "黄河入海流。" */
export const markedLines = (text: string): string[] => text.match(/[^\p{P}\s]+\p{P}?/gu) ?? [];
