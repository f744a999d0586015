/**
 * CMMLU (Li et al. 2023): questions of 67 subjects with four answers. Prompt and scoring are the authors': the likeliest of A, B,
 * C, D as the next token; the score is the mean over subjects.
 */
import { join } from "node:path";
import { CongError } from "../../support/index.ts";
import type { ChoiceItem, ChoiceTask } from "../harness/task.ts";
import { cmmluSubjects } from "./cmmlu-subjects.ts";
import { readTaskRecords } from "./read-records.ts";

const letters = ["A", "B", "C", "D"] as const;
const fields = ["subject", "question", ...letters, "answer"] as const;
type Question = Readonly<Record<(typeof fields)[number], string>>;

const written = (question: Question): string =>
  `题目：${question.question}\n${letters.map((letter) => `${letter}. ${question[letter]}\n`).join("")}答案是：`;

const opening = (subject: string): string =>
  `以下是关于${cmmluSubjects[subject] ?? subject.replaceAll("_", " ")}的单项选择题，请直接给出正确答案的选项。\n\n`;

export const cmmlu: ChoiceTask = {
  kind: "choice",
  name: "cmmlu",
  title: "CMMLU, Chinese multiple choice, mean over subjects",
  titleZh: "CMMLU 中文选择题（各科平均）",
  note: "Guessing gives 25 %. Models far below a billion parameters sit on it.",
  noteZh: "乱猜得 25%。远不到十亿参数的模型就停在这条线上。",
  version: 1,
  defaultShots: 5,
  async load({ shots, data }) {
    const folder = data("cmmlu");
    const questions: readonly Question[] = await readTaskRecords(join(folder, "test.jsonl.gz"), fields);
    const examples: readonly Question[] =
      shots === 0 ? [] : await readTaskRecords(join(folder, "dev.jsonl.gz"), fields);
    const counts = new Map<string, number>();
    return questions.map((question): ChoiceItem => {
      const { subject } = question;
      const number = counts.get(subject) ?? 0;
      counts.set(subject, number + 1);
      const solved = examples.filter((example) => example.subject === subject).slice(0, shots);
      if (solved.length < shots) throw tooManyShots(subject, solved.length, shots);
      const shown = solved.map((example) => `${written(example)}${example.answer}\n\n`).join("");
      return {
        id: `${subject}/${number}`,
        context: `${opening(subject)}${shown}${written(question)}`,
        choices: letters,
        answer: answerOf(question),
        group: subject,
      };
    });
  },
};

const tooManyShots = (subject: string, most: number, shots: number): CongError =>
  new CongError(
    "BAD_ARGUMENT",
    `cmmlu: ${shots} shots, and ${subject} has ${most} solved questions`,
    { subject, most, shots },
    `give --shots ${most} or fewer`,
  );

function answerOf({ answer, question }: Question): number {
  const index = (letters as readonly string[]).indexOf(answer);
  if (index >= 0) return index;
  throw new CongError(
    "BAD_RECORD",
    `the answer to "${question.slice(0, 40)}" is ${JSON.stringify(answer)}`,
    { answer },
    "wanted one of A, B, C, D",
  );
}
