/**
 * Results of single items as JSON lines, so that a run that was cut off goes on where it stopped. The first line says which run the
 * others belong to; a last line that was not written completely is dropped.
 */
import { mkdir, open, readFile, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { CongError } from "../../support/errors.ts";
import { writeError } from "../../support/files.ts";

export interface ResultRecord {
  readonly id: string;
}

export interface ResultFile<R extends ResultRecord> {
  /** What earlier runs left, by id. */
  readonly done: ReadonlyMap<string, R>;
  append(records: readonly R[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param run what the results depend on
 * @throws CongError `OTHER_RUN` when the file's results depend on something else; what `writeFileAtomic` throws where the folder
 * cannot be written, before anything is asked
 */
export async function openResultFile<R extends ResultRecord>(path: string, run: object): Promise<ResultFile<R>> {
  const refuse = (error: unknown): never => {
    throw writeError(path, error);
  };
  await mkdir(dirname(path), { recursive: true }).catch(refuse);
  const text = await readFile(path, "utf8").catch(() => "");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const [head, ...lines] = whole.split("\n").slice(0, -1);
  if (head !== undefined) checkRun(path, head, run);
  const done = new Map(lines.map((line, i) => parse<R>(path, line, i + 2)).map((record) => [record.id, record]));
  // UTF-16 units are not bytes: what is kept is counted as it is stored.
  if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole));
  const file = await open(path, "a").catch(refuse);
  if (head === undefined) await file.appendFile(`${JSON.stringify(run)}\n`);
  return {
    done,
    async append(records) {
      await file.appendFile(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    },
    close: () => file.close(),
  };
}

function checkRun(path: string, head: string, run: object): void {
  if (head === JSON.stringify(run)) return;
  throw new CongError(
    "OTHER_RUN",
    `${path} holds results of another run: ${differences(head, run)}`,
    { path, run },
    "give another folder with --out, or delete this file to evaluate again",
  );
}

/** What is another than in the file: "seed is 0 there and 1 here". Long values, such as a model's files, only by name. */
function differences(head: string, run: object): string {
  const here = new Map<string, unknown>(Object.entries(run));
  let there: Map<string, unknown>;
  try {
    there = new Map(Object.entries(JSON.parse(head) as object));
  } catch {
    return `its first line is ${head.slice(0, 100)}`;
  }
  const written = (value: unknown): string => JSON.stringify(value) ?? "not set";
  return [...new Set([...there.keys(), ...here.keys()])]
    .map((key) => [key, written(there.get(key)), written(here.get(key))] as const)
    .filter(([, old, now]) => old !== now)
    .map(([key, old, now]) =>
      key === "data" || old.length + now.length > 80
        ? `the ${key} is not the same`
        : `${key} is ${old} there and ${now} here`,
    )
    .join(", ");
}

function parse<R extends ResultRecord>(path: string, line: string, number: number): R {
  try {
    const record = JSON.parse(line) as R;
    if (typeof record?.id === "string") return record;
  } catch {
    // told below
  }
  throw new CongError(
    "BAD_RECORD",
    `${path}, line ${number}: this is no result`,
    { path, line: number },
    "the file was changed or damaged: delete it to evaluate again",
  );
}
