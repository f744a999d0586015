/** `congling evaluate`: tasks on a model, as a table, as JSON and as a page. */
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Command } from "commander";
import { dataFolders, evaluate, reportHtml, reportTable, type Task, tasks, textFileTask } from "../evaluation/index.ts";
import { CongError, Progress, pick, writeFileAtomic } from "../support/index.ts";
import { loadModelFor, type ModelOptions, withModelOptions } from "./model-options.ts";
import { collect, numberBetween, wholeNumber } from "./parse-number.ts";
import { resolveModel } from "./run-folders.ts";

interface EvaluateCommandOptions extends ModelOptions {
  readonly tasks?: string;
  readonly text?: readonly string[];
  readonly data?: readonly string[];
  readonly shots?: number;
  readonly limit?: number;
  readonly seed: number;
  readonly chat?: boolean;
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly out?: string;
  readonly json?: true;
}

const width = Math.max(...Object.keys(tasks).map((name) => name.length));
const examples = `
Tasks:
${Object.values(tasks)
  .map(({ name, title, titleZh }) => `  ${name.padEnd(width)}  ${title} · ${titleZh}`)
  .join("\n")}

With --out, the answer to every item is kept in DIR/TASK.jsonl, and the same command goes on where it stopped;
DIR/results.json and DIR/report.html are written at the end.

Examples:
  congling evaluate runs/quickstart/model --tasks poem-next-line,poem-surprise
  congling evaluate runs/sft --tasks poem-form --limit 200 --out runs/sft-evaluation
  congling evaluate models/glm-4-9b --dtype int4 --tasks cmmlu --data cmmlu=data/cmmlu --shots 5 --limit 500
  congling evaluate runs/base --text my-texts.jsonl --json
`;

export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .description("measure a model on tasks")
    .argument("<dir>", "folder of a model, or of a run: the model or adapter that it made")
    .option("-t, --tasks <names>", "tasks, separated by commas")
    .option(
      "--text <file>",
      "also the surprise at a file of texts, .jsonl or .txt (may be given several times)",
      collect,
    )
    .option("--data <name=dir>", "where a data set lies (may be given several times)", collect)
    .option("--shots <n>", "solved examples before each question (default: the task's own)", wholeNumber(0))
    .option("--limit <n>", "so many items of each task, drawn by the seed", wholeNumber(1))
    .option("--seed <n>", "the same seed gives the same items, options and intervals", wholeNumber(0), 0)
    .option("--no-chat", "give prompts as they are, also to a model with a chat template")
    .option("--temperature <t>", "of generated answers (default: the task's own)", numberBetween(0, 10))
    .option("--max-tokens <n>", "of generated answers (default: the task's own)", wholeNumber(1))
    .option("-o, --out <dir>", "folder for results, which makes the run resumable")
    .option("--json", "print the results as JSON");
  return withModelOptions(command)
    .addHelpText("after", examples)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .action(run);
}

async function run(folder: string, options: EvaluateCommandOptions): Promise<void> {
  const wanted = tasksOf(options);
  const data = dataFolders(namedFolders(options.data ?? []));
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort(new Interrupted());
  process.once("SIGINT", stop);
  const folders = await resolveModel(folder, options.adapter);
  const model = await loadModelFor(folders.folder, { ...options, ...folders });
  const bars = new Map<string, Progress>();
  try {
    const result = await evaluate(model, wanted, {
      name: basename(resolve(folder)),
      identity: await identityOf(folders.folder, { ...options, ...folders }),
      seed: options.seed,
      shots: options.shots,
      limit: options.limit,
      data,
      folder: options.out,
      chat: options.chat === false ? false : undefined,
      temperature: options.temperature,
      maxNewTokens: options.maxTokens,
      signal: interrupt.signal,
      onProgress(task, done, total) {
        const bar = bars.get(task) ?? new Progress({ label: task, total, unit: "items" });
        bars.set(task, bar);
        bar.update(done);
        if (done === total) bar.finish();
      },
    });
    const json = `${JSON.stringify(result, null, 2)}\n`;
    if (options.out !== undefined) {
      await writeFileAtomic(join(options.out, "results.json"), [Buffer.from(json)]);
      await writeFileAtomic(join(options.out, "report.html"), [Buffer.from(reportHtml(result))]);
    }
    process.stdout.write(options.json === true ? json : reportTable(result));
    if (options.out !== undefined) process.stderr.write(`report: ${join(options.out, "report.html")}\n`);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const kept = options.out === undefined ? "" : "; the same command goes on from here";
    process.stderr.write(`\ncongling: stopped${kept}\n`);
    process.exitCode = 130;
  } finally {
    process.off("SIGINT", stop);
    await model.dispose();
  }
}

class Interrupted extends Error {}

function tasksOf({ tasks: names, text = [] }: EvaluateCommandOptions): Task[] {
  const typed = (names ?? "").split(",").filter((name) => name.trim() !== "");
  const chosen = [...typed.map((name) => pick("task", tasks, name.trim())), ...text.map(textFileTask)];
  if (chosen.length > 0) return chosen;
  const known = Object.keys(tasks).join(", ");
  throw new CongError("BAD_ARGUMENT", "there is no task", {}, `give --tasks (${known}) or --text FILE`);
}

function namedFolders(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at > 0 && at < pair.length - 1) return [pair.slice(0, at), pair.slice(at + 1)];
      throw new CongError(
        "BAD_ARGUMENT",
        `--data ${pair}`,
        { pair },
        "wanted a name and a folder: --data cmmlu=data/cmmlu",
      );
    }),
  );
}

/** Changes with the weights: sizes and times of the files of model and adapter. */
async function identityOf(folder: string, { dtype, adapter }: ModelOptions): Promise<string> {
  const parts: string[] = [resolve(folder), dtype ?? "as stored"];
  for (const from of [folder, ...(adapter === undefined ? [] : [adapter])]) {
    const names = (await readdir(from)).filter((name) =>
      /\.(?:safetensors|bin)$|^(?:adapter_)?config\.json$/.test(name),
    );
    for (const name of names.sort()) {
      const { size, mtimeMs } = await stat(join(from, name));
      parts.push(`${name}:${size}:${Math.round(mtimeMs)}`);
    }
  }
  return parts.join(" ");
}
