/**
 * Runs the peers of the benchmark `train-step`: other programs, in their own processes, on the same work.
 *
 * The JavaScript peers live in `bench/peers`, a package of its own that is installed on first use. PyTorch is taken
 * from the system's Python where it is present; nothing is installed for it.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Row, say } from "./report.ts";
import { batch, length, type TrainCase } from "./train-step-cases.ts";

// Compiled files lie in dist/bench; the peers are plain files in the repository.
const peers = fileURLToPath(new URL("../../bench/peers/", import.meta.url));
const systemPython = "/usr/bin/python3";

/** Rows of the peers that take part in a case: tfjs and jax-js on 3m, PyTorch on 30m. */
export function runPeers(model: TrainCase): Row[] {
  const { name, ...sizes } = model;
  const work = JSON.stringify({ case: name, ...sizes, batch, length, warmup: 2, steps: 5 });
  if (name === "3m") {
    installPeers();
    return ["tfjs.mjs", "jax-js.mjs"].flatMap((file) => runPeer(process.execPath, [`${peers}${file}`, work]));
  }
  if (name !== "30m") return [];
  if (!existsSync(systemPython) || spawnSync(systemPython, ["-c", "import torch"]).status !== 0) {
    say("PyTorch: not present for the system's Python, left out (Debian: apt-get install python3-torch)");
    return [];
  }
  return ["f32", "bf16"].flatMap((dtype) => runPeer(systemPython, [`${peers}torch.py`, work, dtype]));
}

function installPeers(): void {
  if (existsSync(`${peers}node_modules`)) return;
  say("Installing the peers of the benchmark …");
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts"], {
    cwd: peers,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) say("npm ci failed in bench/peers; the JavaScript peers are left out");
}

function runPeer(command: string, args: readonly string[]): Row[] {
  // Workarounds of some systems for old OpenBLAS builds would slow PyTorch down.
  const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _cache, ...environment } = process.env;
  const { status, stdout } = spawnSync(command, args, {
    env: environment,
    stdio: ["ignore", "pipe", 2],
    encoding: "utf8",
  });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (status === 0 && line.startsWith("{")) return [JSON.parse(line) as Row];
  say(`${args[0]}: failed with status ${status}`);
  return [];
}
