/** Compiles the TypeScript sources into dist/, type-checking them. Runs before every command: `node tools/build.mjs`. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const compiler = join(root, "node_modules/typescript/bin/tsc");

export function build() {
  const { status } = spawnSync(process.execPath, [compiler, "-p", "."], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    console.error("The sources do not compile; see the errors above.");
    process.exit(status ?? 1);
  }
  removeStale();
}

/** Deletes what was compiled from sources that are gone: it would still run, and would be published. */
function removeStale() {
  for (const name of readdirSync(join(root, "dist"), { recursive: true })) {
    const source = name.replace(/\.(?:d\.ts|js|js\.map)$/, ".ts");
    if (source !== name && !existsSync(join(root, source))) rmSync(join(root, "dist", name));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
