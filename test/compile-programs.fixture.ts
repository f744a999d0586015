/**
 * Programs for child processes: Node 20 does not run TypeScript, and dist/ may be older than the sources, so they are
 * compiled with all that they import.
 */
import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * @param sources paths from the repository's root
 * @param folder an empty one, or none yet; programs lie in it as the sources do in the repository
 * @returns the compiled programs' paths, in the order of the sources
 */
export function compilePrograms(sources: readonly string[], folder: string): string[] {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags =
    "--ignoreConfig --noCheck --module nodenext --target es2023 --types node --rewriteRelativeImportExtensions --rootDir . --outDir";
  const { stdout, stderr } = spawnSync(process.execPath, [compiler, ...sources, ...flags.split(" "), folder], {
    cwd: root,
    encoding: "utf8",
  });
  if (stdout + stderr !== "") throw new Error(`tsc: ${stdout}${stderr}`);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  return sources.map((source) => join(folder, source.replace(/\.ts$/, ".js")));
}
