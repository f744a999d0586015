/**
 * Instructions made from poems: write a poem on a title in a given form, continue a line, fill a masked line, name the
 * author or the dynasty. Each poem gives one of them, drawn by a seeded generator, so that the shares are what the
 * options say and a poem's tasks do not depend on its neighbours.
 */
import { writeFileAtomic } from "../../src/support/files.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import type { Poem } from "../parts/shipped-poems.ts";

export type TaskName = "write" | "continue" | "fill" | "author" | "dynasty";

export interface Instruction {
  readonly task: TaskName;
  readonly instruction: string;
  readonly answer: string;
}

/** Shares of the tasks. Writing leads, because it is what a person asks a poem model for. */
export const taskShares: Readonly<Record<TaskName, number>> = {
  write: 0.6,
  continue: 0.15,
  fill: 0.1,
  author: 0.075,
  dynasty: 0.075,
};

/** Couplets of a text, each with its end mark. */
export const coupletsOf = (text: string): string[] => text.match(/[^。！？；]+[。！？；]/gu) ?? [];

const tasks: Readonly<Record<TaskName, (poem: Poem, random: Random) => Omit<Instruction, "task">>> = {
  write: ({ form, title, text }) => ({ instruction: `以“${title}”为题写一首${form}。`, answer: text }),
  continue: ({ text }, random) => {
    const couplets = coupletsOf(text);
    const i = random.integer(couplets.length);
    const [first = "", second = ""] = couplets[i]!.split("，");
    return { instruction: `续写下一句：${first}，`, answer: second };
  },
  fill: ({ text }, random) => {
    const couplets = coupletsOf(text);
    const i = random.integer(couplets.length);
    const masked = couplets.map((couplet, j) => (j === i ? "[缺]" : couplet)).join("");
    return { instruction: `补全诗中缺的一联：${masked}`, answer: couplets[i]! };
  },
  author: ({ text, author }) => ({ instruction: `这首诗的作者是谁？${text}`, answer: author }),
  dynasty: ({ text, dynasty }) => ({ instruction: `这首诗是哪个朝代的？${text}`, answer: `${dynasty}代` }),
};

/** One instruction for a poem, its task drawn by the shares. */
export function instructionOf(poem: Poem, random: Random): Instruction {
  let at = random.uniform() * Object.values(taskShares).reduce((sum, share) => sum + share, 0);
  const [task] = (Object.entries(taskShares) as [TaskName, number][]).find(([, share]) => {
    at -= share;
    return at < 0;
  }) ?? ["write" as const];
  return { task, ...tasks[task](poem, random) };
}

/**
 * Writes instructions as alpaca records (`instruction`, `output`), one for each of `count` poems (default all) in random order. Forms take
 * turns as long as there are poems of each: a rare form is to be learned as well as a common one.
 * @param seed the same seed draws the same poems and tasks
 */
export async function writeInstructions(
  path: string,
  poems: readonly Poem[],
  seed: number,
  count = poems.length,
): Promise<void> {
  const random = createRandom(seed).fork("instructions");
  const lines = inTurns(random.shuffle([...poems]))
    .slice(0, count)
    .map((poem, i) => {
      const { instruction, answer } = instructionOf(poem, random.fork(i));
      return `${JSON.stringify({ instruction, output: answer })}\n`;
    });
  await writeFileAtomic(path, [new TextEncoder().encode(lines.join(""))]);
}

/** A poem of each form after the other, until all are there. */
function inTurns(poems: readonly Poem[]): Poem[] {
  const forms = new Map<string, Poem[]>();
  for (const poem of poems) {
    const own = forms.get(poem.form);
    if (own === undefined) forms.set(poem.form, [poem]);
    else own.push(poem);
  }
  const longest = Math.max(0, ...[...forms.values()].map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => [...forms.values()].flatMap((own) => own[i] ?? [])).flat();
}
