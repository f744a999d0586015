/** The judge of the export tests: node-llama-cpp in tools/llama-cpp, a package of its own, installed on first use. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export const nodeLlamaCpp = "tools/llama-cpp/node_modules/node-llama-cpp";

/** Installs it when it is missing; false where that is not possible (no network, no prebuilt package). */
export function prepareLlamaCpp(): boolean {
  const { status } = spawnSync(process.execPath, ["tools/llama-cpp/install.mjs"], {
    stdio: "ignore",
    timeout: 300_000,
  });
  return status === 0 && existsSync(nodeLlamaCpp);
}
