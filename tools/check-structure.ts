/** `node dist/tools/check-structure.js`: checks every source file against tools/structure/rules.ts. Exits with 1 on a complaint. */
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { complaintsAbout } from "./structure/rules.ts";

const folders = ["src", "recipes", "bench", "test", "tools", "datasets", "apps"];

/** Compiled to dist/tools/, so the repository is two folders up. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const paths = folders
  .flatMap((folder) => filesUnder(folder))
  .filter((path) => /\.(?:ts|tsx|mjs)$/.test(path) && !/(?:^|\/)(?:node_modules|dist)\//.test(path));
const complaints = paths.flatMap((path) => complaintsAbout({ path, text: readFileSync(join(root, path), "utf8") }));

for (const complaint of complaints) console.error(complaint);
console.error(`structure: ${paths.length} files, ${complaints.length} complaints`);
process.exitCode = complaints.length === 0 ? 0 : 1;

function filesUnder(folder: string): string[] {
  try {
    const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    return names.map((name) => `${folder}/${name.split(sep).join("/")}`);
  } catch (error) {
    // A room is created when its first content arrives.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
