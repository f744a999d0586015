import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { removeLeftovers } from "./checkpoint-folder.ts";

/** The id of a process that is over. */
const { pid: dead } = spawnSync(process.execPath, ["--version"]);

it("removes what killed processes left half written, and puts back what they had moved away", async () => {
  const run = mkdtempSync(join(tmpdir(), "leftovers-"));
  try {
    for (const name of ["checkpoint-4", `checkpoint-6.tmp-${dead}-00ff00ff`, `model.old-${dead}-0a0a0a0a`]) {
      mkdirSync(join(run, name));
      writeFileSync(join(run, name, "model.safetensors"), name);
    }
    for (const name of [
      "metrics.jsonl",
      `metrics.jsonl.tmp-${dead}-12345678`,
      `config.yaml.tmp-${process.ppid}-9abcdef0`,
    ]) {
      writeFileSync(join(run, name), name);
    }
    await removeLeftovers(run);
    const alive = `config.yaml.tmp-${process.ppid}-9abcdef0`;
    expect(readdirSync(run).sort()).toEqual(["checkpoint-4", alive, "metrics.jsonl", "model"].sort());
    expect(readFileSync(join(run, "model", "model.safetensors"), "utf8")).toBe(`model.old-${dead}-0a0a0a0a`);
    await removeLeftovers(join(run, "missing"));
  } finally {
    rmSync(run, { recursive: true });
  }
});
