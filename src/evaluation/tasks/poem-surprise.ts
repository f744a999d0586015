/** How well a model predicts poems it has not seen: bits per character of whole bodies, without titles. */
import type { TextTask } from "../harness/task.ts";
import { testPoems } from "./poems.ts";

export const poemSurprise: TextTask = {
  kind: "text",
  name: "poem-surprise",
  title: "test poems: bits per character",
  titleZh: "测试诗：每字比特数",
  note: "Han characters and punctuation of the whole body after the prompt tokens; no title.",
  noteZh: "提示词元之后的整首正文（汉字与标点），不含题目。",
  version: 1,
  async load({ data }) {
    return (await testPoems({ data })).map(({ id, text }) => ({ id, text }));
  },
};
