// Do the peers compute the same thing? Starts torch.py (float32), tfjs.mjs and jax-js.mjs on one tiny case from the
// same weights (0.02 * sin(flat index + tensor number)) and compares the losses of ten steps and, for the gradient
// of every tensor at the first step, its norm and its product with cos(flat index).
//
//   node check.mjs      prints the largest differences; exits with 1 when one is above the tolerance

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

// 40 tokens of 20 ids: every id occurs about twice, so a lost sum in the embedding's gradient shows.
const details = {
  case: "tiny",
  hidden: 32,
  layers: 2,
  heads: 2,
  feedForward: 48,
  vocabulary: 20,
  batch: 2,
  length: 20,
  warmup: 0,
  steps: 10,
  weights: "sine",
  check: true,
};
const LOSS_TOLERANCE = 1e-5; // relative; float32 sums in another order, over ten updates
const GRADIENT_TOLERANCE = 1e-4; // relative to the tensor's norm

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const argument = JSON.stringify(details);
const reference = start("/usr/bin/python3", [here("torch.py"), argument, "f32"]);
let failed = false;
for (const name of ["tfjs.mjs", "jax-js.mjs"]) {
  const row = start(process.execPath, [here(name), argument]);
  if (row.gradients.length !== reference.gradients.length || row.losses.length !== reference.losses.length) {
    throw new Error(`${name}: ${row.gradients.length} gradients, torch.py has ${reference.gradients.length}`);
  }
  const loss = Math.max(...row.losses.map((value, i) => Math.abs(value / reference.losses[i] - 1)));
  const gradient = Math.max(
    ...row.gradients.flatMap((pair, i) =>
      pair.map((value, which) => Math.abs(value - reference.gradients[i][which]) / reference.gradients[i][0]),
    ),
  );
  const agrees = loss <= LOSS_TOLERANCE && gradient <= GRADIENT_TOLERANCE;
  failed ||= !agrees;
  console.log(
    `${row.engine} and ${reference.engine}: losses of ${row.losses.length} steps differ by ${loss.toExponential(1)} at most, ` +
      `gradients of ${row.gradients.length} tensors by ${gradient.toExponential(1)} of their norm: ${agrees ? "agree" : "DIFFER"}`,
  );
}
process.exitCode = failed ? 1 : 0;

function start(program, programArguments) {
  const { status, stdout, stderr, error } = spawnSync(program, programArguments, { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`${programArguments[0]} ended with ${status}: ${error?.message ?? stderr.slice(-2000)}`);
  }
  return JSON.parse(stdout);
}
