/** A task of one's own for the harness: short instructions about held-out poems, and whether the answers are right. */
import type { GenerationItem, GenerationTask, Scores } from "../../src/evaluation/index.ts";
import { createRandom } from "../../src/support/random.ts";
import type { Poem } from "../parts/shipped-poems.ts";
import { instructionOf, type TaskName } from "./instructions.ts";

interface InstructionItem extends GenerationItem {
  readonly task: TaskName;
  readonly answer: string;
  readonly poem: Poem;
}

const han = (text: string): number => [...text].filter((character) => /\p{Script=Han}/u.test(character)).length;

/** Continued and filled lines have no one right answer, but a right length. */
function scoresOf({ task, answer }: InstructionItem, output: string): Scores {
  if (task === "author" || task === "dynasty") return { [task]: output === answer ? 1 : 0 };
  return { length: han(output) === han(answer) ? 1 : 0 };
}

/** @param poems held-out poems; writing whole poems is what `poem-form` measures, so it is left out here */
export function instructionTask(poems: readonly Poem[]): GenerationTask<InstructionItem> {
  return {
    kind: "generation",
    name: "poem-instructions",
    title: "instructions about unseen poems",
    titleZh: "关于未见过的诗的指令",
    note: "The reference line is what always giving the commonest answer reaches.",
    noteZh: "参照线：总是回答最常见的答案所能达到的比例。",
    version: 1,
    scores: {
      length: { title: "continued or filled lines of the right length", titleZh: "续写、补全的句长正确" },
      dynasty: { title: "dynasty named", titleZh: "说对朝代" },
      author: { title: "author named", titleZh: "说对作者" },
    },
    maxNewTokens: 24,
    async load({ seed }) {
      const random = createRandom(seed).fork("instruction task");
      return poems.flatMap((poem, i) => {
        const { task, instruction, answer } = instructionOf(poem, random.fork(i));
        return task === "write" ? [] : [{ id: `instruction-${i}`, prompt: instruction, task, answer, poem }];
      });
    },
    score: (item, output) => scoresOf(item, output.trim()),
    reference: (items) => ({
      dynasty: commonest(items.map(({ poem }) => poem.dynasty)),
      author: commonest(items.map(({ poem }) => poem.author)),
    }),
  };
}

/** Share of the commonest value. */
function commonest(values: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Math.max(...counts.values()) / values.length;
}
