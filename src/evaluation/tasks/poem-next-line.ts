/** Which of four lines goes on? One is the poet's, the others stand at the same place in other poems of the same form. */
import { createRandom } from "../../support/random.ts";
import type { ChoiceItem, ChoiceTask } from "../harness/task.ts";
import { markedLines, type PoemTaskOptions, readPoems } from "./poems.ts";

const distractors = 3;
/** Poems looked at for them; a poem whose line has a rare end mark is left out. */
const mostTries = 300;

export const poemNextLineTask = ({ split = "test" }: PoemTaskOptions = {}): ChoiceTask => ({
  kind: "choice",
  name: "poem-next-line",
  title: "next line of a poem, four options",
  titleZh: "古诗接句（四选一）",
  note: "Distractors stand at the same place in other unseen poems of the same form: length and punctuation tell nothing.",
  noteZh: "干扰项取自同体裁其他未见过的诗的同一位置，字数与标点不透露答案。",
  version: 2,
  takesShots: false,
  // Plain likelihood prefers lines of common words, whatever stands before them.
  byInformation: true,
  async load({ seed, data }) {
    const poems = (await readPoems({ data }, split)).map((poem) => ({ ...poem, lines: markedLines(poem.text) }));
    const forms = new Map<string, typeof poems>();
    for (const poem of poems) forms.set(poem.form, [...(forms.get(poem.form) ?? []), poem]);
    return poems.flatMap(({ id, form, lines }): ChoiceItem[] => {
      const random = createRandom(seed).fork(id);
      const at = 1 + random.integer(Math.max(1, lines.length - 1));
      const right = lines[at];
      if (right === undefined) return [];
      // The same mark at the end, so that only the words decide.
      const mark = [...right].at(-1)!;
      const others = forms.get(form)!;
      const picked = new Set<string>();
      for (let tries = 0; picked.size < distractors && tries < mostTries; tries++) {
        const line = random.choice(others).lines[at];
        if (line !== undefined && line !== right && line.length === right.length && line.endsWith(mark))
          picked.add(line);
      }
      if (picked.size < distractors) return [];
      const choices = random.shuffle([right, ...picked]);
      return [{ id, context: lines.slice(0, at).join(""), choices, answer: choices.indexOf(right), group: undefined }];
    });
  },
});

export const poemNextLine = poemNextLineTask();
