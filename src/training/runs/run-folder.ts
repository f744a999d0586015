/**
 * The folder of a run:
 *
 *   config.yaml                 every setting as it was resolved; a run of its own
 *   metrics.jsonl               a line for every step and validation
 *   events.out.tfevents.*       the same for TensorBoard, a file for each start
 *   checkpoint-STEP/            what a resumed run needs (see ../checkpoint.ts); the last few
 *   model/ or adapter/          the result: a Hugging Face folder with its tokenizer, or a PEFT adapter
 *   summary.json                how it ended, and its figures
 */
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { CongError } from "../../support/errors.ts";
import { writeFileAtomic } from "../../support/files.ts";
import { findCheckpoints } from "../checkpoint-folder.ts";
import { readSettingsText } from "./resolve-settings.ts";

export const configPath = (folder: string): string => join(folder, "config.yaml");
export const metricsPath = (folder: string): string => join(folder, "metrics.jsonl");

const write = (path: string, text: string): Promise<void> => writeFileAtomic(path, [new TextEncoder().encode(text)]);

/** @param kind the command that made the run */
export async function writeRunConfig(folder: string, kind: string, values: object): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new CongError(
      "CANNOT_WRITE",
      `cannot make the run's folder ${folder}: ${error instanceof Error ? error.message : String(error)}`,
      { folder, cause: error },
      "give a folder that can be written, which is no file: --out runs/NAME",
    );
  });
  const head = `# congling ${kind}, every setting as it was resolved. Go on with: congling ${kind} --resume ${folder}\n`;
  await write(configPath(folder), head + stringify(values, { lineWidth: 0 }));
}

/** The command that made the run of a folder, from the head of its config.yaml; undefined without one. */
export async function kindOfRun(folder: string): Promise<string | undefined> {
  const text = await readFile(configPath(folder), "utf8").catch(() => "");
  return /^# congling (\w+),/.exec(text)?.[1];
}

/** Content of a YAML file. @throws CongError `PATH_NOT_FOUND`, `BAD_YAML` */
export async function readRunConfig(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CongError(
      "PATH_NOT_FOUND",
      `cannot read the run's settings from ${path}`,
      { path, cause: error },
      "give a YAML file, or with --resume the folder of a run that was started before",
    );
  });
  return readSettingsText(text, path);
}

export const writeSummary = (folder: string, summary: object): Promise<void> =>
  write(join(folder, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);

/**
 * A new run wants a folder without one.
 * @throws CongError `FOLDER_IN_USE`
 */
export async function checkNewRun(folder: string): Promise<void> {
  const [checkpoint] = await findCheckpoints(folder);
  const hasConfig = (await stat(configPath(folder)).catch(() => undefined)) !== undefined;
  if (checkpoint === undefined && !hasConfig) return;
  throw new CongError(
    "FOLDER_IN_USE",
    `${folder} already holds a run${checkpoint === undefined ? "" : ` (checkpoint of step ${checkpoint.step})`}`,
    { folder },
    `go on with --resume ${folder}, or give another folder: --out runs/NAME`,
  );
}

/** Steps that the last checkpoint of a run has done; 0 without one. */
export const stepsDone = async (folder: string): Promise<number> => (await findCheckpoints(folder)).at(-1)?.step ?? 0;
