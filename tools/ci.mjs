/**
 * What .ci/run runs: `npm test` as a newcomer would, then format and lint, then the structure check. The last line counts
 * tests, a broken step counting as one that failed; the exit code is 0 when nothing failed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "congling-ci-"));
const report = join(folder, "tests.json");
let [passed, failed, skipped] = [0, 0, 0];

/** Runs a command with its output shown; true when it succeeded. */
function run(title, command, args) {
  const started = performance.now();
  console.log(`\n== ${title}: ${[command, ...args].join(" ")}`);
  const shell = process.platform === "win32";
  const { status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], shell });
  console.log(
    `== ${title}: ${status === 0 ? "fine" : "FAILED"} after ${Math.round((performance.now() - started) / 1000)} s`,
  );
  return status === 0;
}

const isGreen = run("tests", "npm", [
  "test",
  "--",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
]);
try {
  const counts = JSON.parse(readFileSync(report, "utf8"));
  passed += counts.numPassedTests;
  failed += counts.numFailedTests;
  skipped += counts.numPendingTests + counts.numTodoTests;
} catch {
  console.log("The tests wrote no report: installing or compiling failed.");
}
rmSync(folder, { recursive: true, force: true });
// A file that cannot be loaded, or an error outside any test, has no test to count.
if (!isGreen && failed === 0) failed = 1;

const steps = [
  ["format and lint", ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."]],
  ["structure", ["dist/tools/check-structure.js"]],
];
for (const [title, args] of steps) {
  if (run(title, process.execPath, args)) passed++;
  else failed++;
}

console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed === 0 ? 0 : 1;
