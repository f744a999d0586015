/** `npm run golden` judged from outside: verdicts, counts and exit codes, also for fixtures that are wrong or missing. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "congling-golden-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The compiled program, as the npm script starts it. */
function golden(...args: string[]): {
  readonly lines: string[];
  readonly errors: string;
  readonly status: number | null;
} {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["dist/tools/golden.js", ...args], {
    encoding: "utf8",
  });
  return { lines: stdout.trimEnd().split("\n"), errors: stderr, status };
}

const writeSchedules = (rates: readonly number[]) => {
  const path = join(folder, "lr-schedules.json");
  writeFileSync(path, JSON.stringify({ schedules: { constant: rates } }));
  return path;
};

test("right values pass", () => {
  const path = writeSchedules([0.1, 0.1]);
  const { lines, status } = golden("--strict", path);
  expect(lines[0]).toBe("  ok    constant (2 steps): error 0.0e+0, allowed 1e-9");
  expect(lines[1]).toContain(`PASS ${path} 1 quantities`);
  expect(lines.at(-1)).toBe("1 passed, 0 failed, 0 skipped");
  expect(status).toBe(0);
});

test("wrong values fail", () => {
  const { lines, status } = golden(writeSchedules([0.1, 0.2]));
  expect(lines[0]).toContain("WRONG constant (2 steps): error 5.0e-1");
  expect(lines.at(-1)).toBe("0 passed, 1 failed, 0 skipped");
  expect(status).toBe(1);
});

test("damaged files, empty ones, unknown quantities and missing paths fail with a reason", () => {
  const path = join(folder, "rnn.safetensors");
  writeFileSync(path, Uint8Array.of(1, 2, 3));
  const empty = join(folder, "lr-schedules.json");
  writeFileSync(empty, '{"schedules":{}}');
  const { lines, status } = golden(path, empty, join(folder, "absent"));
  expect(lines[0]).toMatch(/^FAIL .*rnn\.safetensors after 0 quantities: .+/);
  expect(lines[1]).toContain("records nothing to compare with");
  expect(lines[2]).toContain("no such file or folder");
  expect(lines.at(-1)).toBe("0 passed, 3 failed, 0 skipped");
  expect(status).toBe(1);
});

test("model types without a family are skipped, which --strict counts as a failure", () => {
  mkdirSync(join(folder, "tiny"));
  writeFileSync(join(folder, "tiny/config.json"), '{"model_type":"t5"}');
  const { lines, status } = golden(folder);
  expect(lines).toEqual([
    `SKIP ${join(folder, "tiny")} models of type "t5" are not built yet`,
    "0 passed, 0 failed, 1 skipped",
  ]);
  expect([status, golden("--strict", folder).status]).toEqual([0, 1]);
});

test("options that do not exist are refused with the usage", () => {
  const { errors, status } = golden("--stict");
  expect(errors).toContain("usage: npm run golden");
  expect(status).toBe(2);
  expect(golden("--backend", "onxruntime").errors).toContain("onnxruntime");
});
