/** Where tasks find their data: what the user named, else the folder of that name in the project's `datasets`. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CongError } from "../../support/index.ts";

/** How to get what does not ship, by name. */
const sources: Readonly<Record<string, string>> = {
  cmmlu:
    "CMMLU is CC BY-NC-SA 4.0 (github.com/haonan-li/CMMLU): dev.jsonl.gz and test.jsonl.gz with subject, question, A, B, C, D, answer",
  poems: "datasets/poems is in Congling's repository",
};

/** @param named folders by name, as the user gave them */
export function dataFolders(named: Readonly<Record<string, string>> = {}): (name: string) => string {
  return (name) => {
    const given = Object.hasOwn(named, name) ? named[name] : undefined;
    const candidates = given === undefined ? [join("datasets", name), ...besideThisFile(name)] : [given];
    const found = candidates.find((path) => existsSync(path));
    if (found !== undefined) return found;
    throw new CongError(
      "DATA_MISSING",
      given === undefined ? `the data set "${name}" is not here` : `there is nothing at ${given}`,
      { name, candidates },
      `name its folder: --data ${name}=DIR${Object.hasOwn(sources, name) ? ` (${sources[name]})` : ""}`,
    );
  };
}

/** `datasets/NAME` in the folders above this file: the repository, when Congling runs from it. */
function besideThisFile(name: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    folders.push(join(folder, "datasets", name));
  }
  return folders;
}
