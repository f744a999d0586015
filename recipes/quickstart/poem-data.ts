/**
 * The poems that ship with the repository, through the pipeline that a user's own texts go through: cleaned, without
 * duplicates, and without what the held-out poems hold.
 */
import { join } from "node:path";
import { clean, contamination, dedupe, readRecords, type StepReport } from "../../src/data/index.ts";
import { type Poem, poemFile, type Split } from "../parts/shipped-poems.ts";
import { typed } from "./commands.ts";
import { type Both, both } from "./report.ts";

/** A poem is shorter than the texts that are compared for likeness by default. */
const nearMinimum = 20;

export interface PoemData {
  /** Folder that the tasks of the harness read `test.jsonl.gz` from. */
  readonly folder: string;
  readonly train: string;
  readonly valid: string;
  readonly test: string;
  /** What each step took out, in order. */
  readonly steps: readonly { readonly name: Both; readonly command: string; readonly report: StepReport }[];
}

/**
 * Runs the steps; every file that they write stays in the folder, with its report and what was set aside.
 * @param limit for a trial: only so many poems of each split, which the commands do not say
 */
export async function preparePoems(folder: string, limit?: number): Promise<PoemData> {
  const file = (name: string): string => join(folder, `${name}.jsonl`);
  const [valid, test] = [join(folder, "valid.jsonl.gz"), join(folder, "test.jsonl.gz")];
  const [cleaned, unique, train] = [file("clean"), file("unique"), file("train")];
  const steps: { name: Both; command: string; report: StepReport }[] = [];
  const cleaning = async (split: Split, name: Both, output: string) => {
    const from = poemFile(split);
    const report = await clean({}, { inputs: [{ path: from, ...(limit === undefined ? {} : { limit }) }], output });
    steps.push({ name, command: typed("data", "clean", from, "-o", output), report });
  };
  await cleaning("train", both("clean train", "清洗训练集"), cleaned);
  await cleaning("valid", both("clean valid", "清洗验证集"), valid);
  await cleaning("test", both("clean test", "清洗测试集"), test);
  steps.push({
    name: both("dedupe train", "训练集去重"),
    command: typed("data", "dedupe", cleaned, "--near-minimum", nearMinimum, "-o", unique),
    report: await dedupe({ inputs: [{ path: cleaned }], output: unique, nearMinimum }),
  });
  const against = [{ path: valid }, { path: test }];
  const report = await contamination({ inputs: [{ path: unique }], against, output: train, nearMinimum });
  const command = ["data", "contamination", unique, "--against", valid, test, "--near-minimum", nearMinimum];
  steps.push({
    name: both("contamination of train", "训练集查漏"),
    command: typed(...command, "-o", train),
    report,
  });
  return { folder, train, valid, test, steps };
}

/** All poems of a file. */
export async function readPoemsFrom(path: string): Promise<Poem[]> {
  const poems: Poem[] = [];
  for await (const { value } of readRecords([{ path }])) poems.push(value as unknown as Poem);
  return poems;
}
