/** Talking to a model folder: sample chats, and whether an exported folder answers like the one it came from. */
import { exportHf, type HfExport, sourceOfCheckpoint } from "../../src/export/index.ts";
import { type GenerationOptions, loadModel, type Model } from "../../src/inference/index.ts";
import { openCheckpoint } from "../../src/models/index.ts";

export const questions = ["以“秋夜”为题写一首五绝。", "续写下一句：明月松间照，", "以“登高”为题写一首七绝。"] as const;

export interface Chat {
  readonly question: string;
  readonly answer: string;
}

/** Answers of a folder to the questions; the same seed gives the same answers. */
export async function chatsWith(folder: string, seed: number): Promise<Chat[]> {
  const model = await loadModel(folder);
  try {
    return await answersOf(model, (i) => ({ temperature: 0.7, topP: 0.9, seed: seed + i }));
  } finally {
    await model.dispose();
  }
}

async function answersOf(model: Model, options: (question: number) => GenerationOptions): Promise<Chat[]> {
  const chats: Chat[] = [];
  for (const [i, question] of questions.entries()) {
    const messages = [{ role: "user", content: question }] as const;
    const [answer] = await model.generate({ messages, maxNewTokens: 96, ...options(i) });
    chats.push({ question, answer: answer!.text?.trim() ?? "" });
  }
  return chats;
}

export interface CheckedExport extends HfExport {
  /** Greedy answers are the same, character by character, before and after. */
  readonly answersEqual: boolean;
}

/** Exports a model, loads both folders, and asks both the same without drawing lots. */
export async function exportAndCompare(from: string, to: string): Promise<CheckedExport> {
  const checkpoint = await openCheckpoint(from);
  const written = await exportHf(sourceOfCheckpoint(checkpoint), to, { tokenizerFrom: from }).finally(() =>
    checkpoint.close(),
  );
  const [before, after] = [await greedyAnswers(from), await greedyAnswers(to)];
  return { ...written, answersEqual: JSON.stringify(before) === JSON.stringify(after) };
}

async function greedyAnswers(folder: string): Promise<Chat[]> {
  const model = await loadModel(folder);
  try {
    return await answersOf(model, () => ({ temperature: 0 }));
  } finally {
    await model.dispose();
  }
}
