/** How every topic program is started (`--steps N --seed N --out FOLDER`), and how it prints tables and leaves a picture. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { checkInteger } from "../../../src/support/checks.ts";
import { writeFileAtomic } from "../../../src/support/files.ts";
import { CongError } from "../../../src/support/index.ts";

export interface TopicOptions {
  /** Training steps of each model compared; topics without training take it as a measure of how much data they use. */
  readonly steps: number;
  readonly seed: number;
  /** Folder of the picture. */
  readonly out: string;
  /** Few steps: everything is done, on very little, so that the figures mean nothing. */
  readonly isTrial: boolean;
}

/** Reads the command line, runs the topic, and turns a user's mistake into a message instead of a stack. */
export async function runTopic(
  name: string,
  defaultSteps: number,
  topic: (options: TopicOptions) => Promise<void>,
): Promise<void> {
  try {
    const { values } = parseArgs({
      options: {
        steps: { type: "string", default: String(defaultSteps) },
        seed: { type: "string", default: "1" },
        out: { type: "string", default: join("runs/topics", name) },
      },
    });
    const [steps, seed] = [Number(values.steps), Number(values.seed)];
    checkInteger(name, { steps }, { min: 2 });
    checkInteger(name, { seed }, { min: 0, max: 2 ** 32 - 1 });
    await topic({ steps, seed, out: values.out, isTrial: steps < 20 });
  } catch (error) {
    const isMistake = CongError.is(error) || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS");
    if (!isMistake) throw error;
    const usage = `usage: npm run recipe -- topics/${name} [--steps N] [--seed N] [--out FOLDER]`;
    process.stderr.write(`${(error as Error).message}\n${usage}\n`);
    process.exitCode = 1;
  }
}

export const say = (text = ""): void => void process.stdout.write(`${text}\n`);

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u;
const widthOf = (text: string): number => [...text].reduce((sum, letter) => sum + (wide.test(letter) ? 2 : 1), 0);

/** Prints rows in columns, the first to the left and figures to the right; Chinese characters are two columns wide. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, i) => Math.max(widthOf(title), ...rows.map((row) => widthOf(row[i]!))));
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, i) => {
      const space = " ".repeat(widths[i]! - widthOf(cell));
      return i === 0 ? cell + space : space + cell;
    });
    say(`  ${cells.join("  ").trimEnd()}`);
  }
}

/** Writes a picture into the folder of the run and says where it is. */
export async function saveFigure({ out }: TopicOptions, name: string, svg: string): Promise<void> {
  await mkdir(out, { recursive: true });
  const path = join(out, `${name}.svg`);
  await writeFileAtomic(path, [new TextEncoder().encode(svg)]);
  say(`\n图：${path}`);
}
