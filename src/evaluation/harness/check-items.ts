/** What a task made by hand can get wrong without any figure showing it: checked once, where items and scores come in. */
import { CongError } from "../../support/index.ts";
import type { ChoiceItem, Scores, Task, TextItem } from "./task.ts";

/** @throws CongError `BAD_TASK` for names that occur twice: results are kept and shown under them */
export function checkNames(tasks: readonly Pick<Task, "name">[]): void {
  const twice = repeated(tasks.map(({ name }) => name));
  if (twice === undefined) return;
  throw new CongError(
    "BAD_TASK",
    `two tasks are called ${twice}`,
    { name: twice },
    "ask for each task once, and give files of texts different names: results are kept and shown by name",
  );
}

/** @throws CongError `BAD_TASK` for ids that occur twice, for choices that nobody could answer rightly, for empty texts */
export function checkItems(
  { name, kind }: Pick<Task, "name" | "kind">,
  items: readonly { readonly id: string }[],
): void {
  const twice = repeated(items.map(({ id }) => id));
  if (twice !== undefined) {
    throw new CongError(
      "BAD_TASK",
      `${name}: two items have the id ${JSON.stringify(twice)}`,
      { task: name, id: twice },
      "results are kept by id: give every item its own",
    );
  }
  if (kind === "text") checkTexts(name, items as readonly TextItem[]);
  if (kind !== "choice") return;
  for (const { id, choices, answer } of items as readonly ChoiceItem[]) {
    const isSound =
      choices.length > 1 && !choices.includes("") && Number.isInteger(answer) && choices[answer] !== undefined;
    if (isSound) continue;
    throw new CongError(
      "BAD_TASK",
      `${name}: item ${JSON.stringify(id)} has the choices ${JSON.stringify(choices)} and the answer ${answer}`,
      { task: name, id, choices, answer },
      "wanted at least two choices, none of them empty, and the index of the right one, from 0",
    );
  }
}

/** An empty text has no characters to spread its surprise over: a resample of such texts would have no score. */
function checkTexts(task: string, items: readonly TextItem[]): void {
  const empty = items.find(({ text }) => text === "");
  if (empty === undefined) return;
  throw new CongError(
    "BAD_TASK",
    `${task}: the text of item ${JSON.stringify(empty.id)} is empty`,
    { task, id: empty.id },
    "leave it out: there is nothing in it to predict",
  );
}

/** @throws CongError `BAD_TASK` for scores that are no shares or that the task does not name */
export function checkScores(task: string, names: readonly string[], id: string, scores: Scores): void {
  for (const [name, value] of Object.entries(scores)) {
    if (value >= 0 && value <= 1 && names.includes(name)) continue;
    throw new CongError(
      "BAD_TASK",
      `${task}: the answer to item ${JSON.stringify(id)} has the score ${name} = ${value}`,
      { task, id, name, value },
      `wanted numbers from 0 to 1 under the names of the task's scores: ${names.join(", ")}`,
    );
  }
}

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => {
    if (seen.has(name)) return true;
    seen.add(name);
    return false;
  });
}
