/**
 * Starts a recipe by name: `npm run recipe -- NAME [ARGS]`, for example `npm run recipe -- topics/schedules`.
 * Without a name it lists what there is.
 */
import { readdirSync } from "node:fs";
import type { CongError } from "../src/support/index.ts";
import { unknownName } from "../src/support/suggest.ts";

const here = new URL("./", import.meta.url);
const namesIn = (folder: string): string[] =>
  readdirSync(new URL(folder, here))
    .flatMap((file) => /^([a-z0-9-]+)\.js$/.exec(file)?.[1] ?? [])
    .map((name) => folder + name)
    .sort();
// Folders below hold the parts of recipes; topics/ alone holds recipes of its own.
const names = [...namesIn("./"), ...namesIn("./topics/")].map((name) => name.slice(2)).filter((name) => name !== "run");

const [wanted] = process.argv.splice(2, 1);
if (wanted === undefined) {
  process.stdout.write(`usage: npm run recipe -- NAME [ARGS]\n\n${names.map((name) => `  ${name}\n`).join("")}`);
} else if (names.includes(wanted)) {
  // The recipe reads the remaining arguments as if it had been started by itself.
  await import(new URL(`${wanted}.js`, here).href);
} else {
  const error: CongError = unknownName("recipe", wanted, names);
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
