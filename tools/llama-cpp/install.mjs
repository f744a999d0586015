/**
 * Installs node-llama-cpp here, on first use, with the one native package of this platform: the optional CUDA and Vulkan
 * packages are ten times as large. `node tools/llama-cpp/install.mjs`; or `import { installLlamaCpp }`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("./", import.meta.url));

/** Folder of the package. */
export const nodeLlamaCpp = `${here}node_modules/node-llama-cpp`;

/** The CPU package (on Macs there is none: Metal's also runs on the CPU) by `process.platform` and `process.arch`. */
const platformPackages = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-arm64": "mac-arm64-metal",
  "darwin-x64": "mac-x64",
  "win32-x64": "win-x64",
  "win32-arm64": "win-arm64",
};

/** Installs what is missing; returns whether llama.cpp can be used afterwards. Messages go to standard error. */
export function installLlamaCpp() {
  const platform = platformPackages[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    console.error(`llama.cpp: no prebuilt package for ${process.platform} on ${process.arch}`);
    return false;
  }
  const name = `@node-llama-cpp/${platform}`;
  if (existsSync(`${here}node_modules/${name}/package.json`)) return true;
  console.error("Installing node-llama-cpp (85 MB) …");
  const { version } = JSON.parse(readFileSync(`${here}package-lock.json`, "utf8")).packages[`node_modules/${name}`];
  // Not `npm ci`: it refuses a lock without the optional packages of other platforms, of which a registry may lack some.
  return npm("install", "--no-save", "--omit=optional", `${name}@${version}`);
}

function npm(...command) {
  const { status } = spawnSync("npm", [...command, "--ignore-scripts"], {
    cwd: here,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) console.error(`llama.cpp: npm ${command.join(" ")} failed in tools/llama-cpp`);
  return status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = installLlamaCpp() ? 0 : 1;
