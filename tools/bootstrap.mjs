/**
 * Makes a fresh clone runnable, then runs a compiled program: `node tools/bootstrap.mjs [dist/PROGRAM.js ARGS…]`.
 *
 * Plain JavaScript because it runs before anything is installed. It installs the locked dependencies when they are
 * missing or older than the lock file, and rebuilds dist/. All its own output goes to standard error, so that
 * `npm run --silent bench -- NAME --json` keeps standard output clean.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Congling needs Node.js 20.19 or newer; this is ${process.version}. Install a newer one from nodejs.org.`,
  );
  process.exit(1);
}

// The CPU engine is inside the onnxruntime-node package; its install script would only fetch GPU libraries.
process.env.ONNXRUNTIME_NODE_INSTALL = "skip";

const installed = `${root}node_modules/.package-lock.json`;
const lockFile = `${root}package-lock.json`;
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lockFile).mtimeMs) {
  console.error("Installing dependencies (npm ci) …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, ["ci", "--ignore-scripts"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) process.exit(status ?? 1);
}

const { build } = await import("./build.mjs");
build();

const [program, ...args] = process.argv.slice(2);
if (program !== undefined) {
  const { status, signal } = spawnSync(process.execPath, ["--enable-source-maps", `${root}${program}`, ...args], {
    stdio: "inherit",
  });
  process.exit(signal ? 1 : (status ?? 1));
}
