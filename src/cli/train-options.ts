/**
 * The command line of training commands: a YAML file, and any of its keys as an option. Options are the settings
 * themselves, so they are read here and not declared one by one.
 */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { CongError } from "../support/index.ts";
import {
  type ChangedSetting,
  changedSettings,
  checkChangeable,
  configPath,
  describeChanges,
  describeSettings,
  interruptSignal,
  kindOfRun,
  type Override,
  type RunOptions,
  type RunSummary,
  readRunConfig,
  resolveSettings,
  type SettingTable,
  type ValuesOf,
} from "../training/index.ts";

export interface TrainArguments {
  /** A YAML file. */
  readonly file: string | undefined;
  /** Folder of the run to go on with; true: the one that `out` names. */
  readonly resume: string | true | undefined;
  readonly dryRun: boolean;
  readonly overrides: readonly Override[];
}

/**
 * Takes `--key value`, `--key=value` and `--flag` apart.
 * @throws CongError `BAD_ARGUMENT` for a second file, or one that a resumed run would not read
 */
export function readTrainArguments(args: readonly string[]): TrainArguments {
  const overrides: Override[] = [];
  let file: string | undefined;
  let resume: string | true | undefined;
  let dryRun = false;
  for (let i = 0; i < args.length; i++) {
    // As the other commands have it.
    const arg = args[i] === "-o" ? "--out" : args[i]!;
    if (!arg.startsWith("--")) {
      if (file !== undefined) {
        const what = `got the files "${file}" and "${arg}"`;
        throw new CongError(
          "BAD_ARGUMENT",
          what,
          { file, arg },
          "a run is one YAML file; settings are --key value, several files of data --data a.jsonl,b.jsonl",
        );
      }
      file = arg;
      continue;
    }
    const equals = arg.indexOf("=");
    const key = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
    const next = args[i + 1];
    const takesNext = equals < 0 && next !== undefined && !next.startsWith("--");
    const value = equals >= 0 ? arg.slice(equals + 1) : takesNext ? next : undefined;
    if (key === "dry-run") {
      dryRun = true;
      continue;
    }
    if (takesNext) i++;
    if (key === "resume") resume = value ?? true;
    else overrides.push([key === "data" ? "data.train" : key, value ?? "true"]);
  }
  if (file !== undefined && typeof resume === "string") {
    throw new CongError(
      "BAD_ARGUMENT",
      `got the file "${file}" and --resume "${resume}", which has settings of its own`,
      { file, resume },
      "leave the file out; what should change is given as options: --steps 2000",
    );
  }
  return { file, resume, dryRun, overrides };
}

export interface TrainVerb<T extends SettingTable> {
  readonly name: string;
  readonly summary: string;
  readonly examples: string;
  readonly table: T;
  /** Folder of runs that name none. */
  readonly defaultOut: string;
  /** Takes the folder of a run for the model it made. */
  readonly withFolders: (settings: ValuesOf<T>) => Promise<ValuesOf<T>>;
  readonly run: (settings: ValuesOf<T>, options: RunOptions) => Promise<RunSummary | undefined>;
}

/** A training command. */
export function trainCommand<T extends SettingTable>(verb: TrainVerb<T>): Command {
  return new Command(verb.name)
    .description(verb.summary)
    .argument("[run.yaml]", "settings of the run")
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText(
      "after",
      `
  --dry-run                        print the plan: numbers with reasons, cost, time, one sample; then stop
  --resume [folder]                go on with a run from its last checkpoint, with identical losses

Settings, in the file or as options (-o is --out); the last part of a key is enough where it is unique:
${describeSettings(verb.table)}
${verb.examples}`,
    )
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .action(async (_file: string | undefined, _options: object, command: Command) => {
      await act(verb, readTrainArguments(command.args));
    });
}

async function act<T extends SettingTable>(verb: TrainVerb<T>, given: TrainArguments): Promise<void> {
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  const { settings, changes } = await settingsOfRun(verb, given);
  if (changes.length > 0) say(`changed for the rest of the run: ${describeChanges(changes)}`);
  const { signal, release } = interruptSignal();
  try {
    const summary = await verb.run(settings, {
      resume: given.resume !== undefined,
      dryRun: given.dryRun,
      signal,
      began: 0, // loading the program belongs to the run
      say,
      hasColour: process.stdout.isTTY === true,
    });
    if (summary === undefined) return;
    const folder = String(settings.out);
    say(describeSummary(summary, folder));
    if (summary.reason !== "interrupted") return;
    say(`go on with: congling ${verb.name} --resume ${folder}`);
    process.exitCode = 130;
  } finally {
    release();
  }
}

type WithOut<T> = ValuesOf<T> & { readonly out: string };

/**
 * The file and the command line; or the settings of the run to resume and what the command line changes in them.
 * @throws CongError `BAD_SETTING`, `BAD_ARGUMENT` for what a resumed run would not heed
 */
export async function settingsOfRun<T extends SettingTable>(
  verb: Pick<TrainVerb<T>, "name" | "table" | "defaultOut" | "withFolders">,
  { file, resume, overrides }: TrainArguments,
): Promise<{ readonly settings: WithOut<T>; readonly changes: readonly ChangedSetting[] }> {
  const { table, defaultOut, withFolders } = verb;
  const content = file === undefined ? {} : await readRunConfig(file);
  const { values: own, given } = resolveSettings(table, content, typeof resume === "string" ? [] : overrides);
  const out = typeof resume === "string" ? resume : ((own.out as string | null | undefined) ?? defaultOut);
  const isBegun = typeof resume === "string" || (await stat(configPath(out)).catch(() => undefined)) !== undefined;
  if (resume === undefined || !isBegun) return { settings: { ...(await withFolders(own)), out }, changes: [] };
  await checkKind(verb.name, out);
  const config = await readRunConfig(configPath(out));
  const saved = { ...(await withFolders(resolveSettings(table, config).values)), out };
  // Without a folder the command line's `out` is the one to resume.
  const asked = await withFolders(resolveSettings(table, { ...(config as object), out }, overrides).values);
  if (file !== undefined) {
    const keys = [...given].filter((key) => key !== "out");
    checkUnedited(file, out, changedSettings(table, asked, await withFolders(own), keys));
  }
  const changes = changedSettings(table, saved, asked);
  checkChangeable(out, changes);
  return { settings: { ...asked, out }, changes };
}

/** Settings of another command would be called unknown one by one. */
async function checkKind(name: string, folder: string): Promise<void> {
  const kind = await kindOfRun(folder);
  if (kind === undefined || kind === name) return;
  throw new CongError(
    "BAD_ARGUMENT",
    `${folder} is a run of \`congling ${kind}\``,
    { folder, kind, wanted: name },
    `go on with it: congling ${kind} --resume ${folder}`,
  );
}

/** A resumed run has the settings it began with: edits of its file would do nothing. */
function checkUnedited(file: string, folder: string, edits: readonly ChangedSetting[]): void {
  if (edits.length === 0) return;
  throw new CongError(
    "BAD_ARGUMENT",
    `${file} has other settings than the run in ${folder} began with: ${describeChanges(edits)}`,
    { file, folder, keys: edits.map(({ key }) => key) },
    `go on as it began: --resume ${folder} without a file, and what should change as options, such as --steps 2000; or begin a run of its own: --out runs/NAME`,
  );
}

function describeSummary({ reason, steps, tokens, seconds, validLoss, loss }: RunSummary, folder: string): string {
  const speed = seconds > 0 ? `, ${Math.round(tokens / seconds)} tokens/s` : "";
  const figures = [
    loss === null ? undefined : `loss ${loss.toFixed(4)}`,
    validLoss === null ? undefined : `validation ${validLoss.toFixed(4)}`,
  ].filter((part) => part !== undefined);
  return `${reason} after ${steps} steps (${seconds.toFixed(1)} s${speed}): ${figures.join(", ")}; see ${join(folder, "summary.json")}`;
}
