/**
 * The process that `soak -- kill` kills: pre-trains by a recipe, or goes on with it, and says on standard output after every
 * step how far it is.
 */
import { type Changes, pretrainingOf } from "../../recipes/quickstart/commands.ts";
import { pretrain } from "../../src/training/index.ts";

/** What the process is given, as JSON. */
export interface KillRun {
  /** A YAML file of `congling pretrain`. */
  readonly recipe: string;
  /** Settings on top of it, `out` among them. */
  readonly changes: Changes;
}

const { recipe, changes } = JSON.parse(process.argv[2]!) as KillRun;
const stream = { write: (text: string) => process.stdout.write(text) };
await pretrain(await pretrainingOf(changes, recipe), { resume: true, progress: { stream, plainSeconds: 0 } });
