/** All tasks by name: the only file that knows them all. */
import type { Task } from "../harness/task.ts";
import { cmmlu } from "./cmmlu.ts";
import { poemForm } from "./poem-form.ts";
import { poemNextLine } from "./poem-next-line.ts";
import { poemSurprise } from "./poem-surprise.ts";

export const tasks: Readonly<Record<string, Task>> = {
  [cmmlu.name]: cmmlu,
  [poemSurprise.name]: poemSurprise,
  [poemNextLine.name]: poemNextLine,
  [poemForm.name]: poemForm,
};
