/**
 * The command line of training commands: a YAML file, and any of its keys as an option. Options are the settings
 * themselves, so they are read here and not declared one by one.
 */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { CongError } from "../support/index.ts";
import {
  configPath,
  describeSettings,
  interruptSignal,
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
  const settings = await settingsOf(verb, given);
  const { signal, release } = interruptSignal();
  try {
    const summary = await verb.run(settings, {
      resume: given.resume !== undefined,
      dryRun: given.dryRun,
      signal,
      began: 0, // loading the program belongs to the run
      say: (text) => void process.stdout.write(`${text}\n`),
      hasColour: process.stdout.isTTY === true,
    });
    if (summary === undefined) return;
    const folder = String(settings.out);
    process.stdout.write(`${describeSummary(summary, folder)}\n`);
    if (summary.reason !== "interrupted") return;
    process.stdout.write(`go on with: congling ${verb.name} --resume ${folder}\n`);
    process.exitCode = 130;
  } finally {
    release();
  }
}

/** The file, or that of the run to resume; then the command line. */
async function settingsOf<T extends SettingTable>(
  { table, defaultOut }: TrainVerb<T>,
  { file, resume, overrides }: TrainArguments,
): Promise<ValuesOf<T> & { readonly out: string }> {
  const read = async (path: string | undefined) =>
    resolveSettings(table, path === undefined ? {} : await readRunConfig(path), overrides).values;
  const own = typeof resume === "string" ? undefined : await read(file);
  const out = typeof resume === "string" ? resume : ((own?.out as string | null | undefined) ?? defaultOut);
  if (resume === undefined) return { ...own!, out };
  const saved = configPath(out);
  if (typeof resume !== "string" && (await stat(saved).catch(() => undefined)) === undefined) return { ...own!, out };
  return { ...(await read(saved)), out };
}

function describeSummary({ reason, steps, tokens, seconds, validLoss, loss }: RunSummary, folder: string): string {
  const speed = seconds > 0 ? `, ${Math.round(tokens / seconds)} tokens/s` : "";
  const figures = [
    loss === null ? undefined : `loss ${loss.toFixed(4)}`,
    validLoss === null ? undefined : `validation ${validLoss.toFixed(4)}`,
  ].filter((part) => part !== undefined);
  return `${reason} after ${steps} steps (${seconds.toFixed(1)} s${speed}): ${figures.join(", ")}; see ${join(folder, "summary.json")}`;
}
