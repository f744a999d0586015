/** How well a model predicts poems it has not seen: bits per character of whole bodies, without titles. */
import type { TextTask } from "../harness/task.ts";
import { type PoemTaskOptions, readPoems } from "./poems.ts";

export const poemSurpriseTask = ({ split = "test" }: PoemTaskOptions = {}): TextTask => ({
  kind: "text",
  name: "poem-surprise",
  title: "unseen poems: bits per character",
  titleZh: "未见过的诗：每字比特数",
  note: "Han characters and punctuation of the whole body after the prompt tokens; no title.",
  noteZh: "提示词元之后的整首正文（汉字与标点），不含题目。",
  version: 1,
  takesShots: false,
  async load({ data }) {
    return (await readPoems({ data }, split)).map(({ id, text }) => ({ id, text }));
  },
});

export const poemSurprise = poemSurpriseTask();
