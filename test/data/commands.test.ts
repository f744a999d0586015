/** The commands as users run them: the built program in a process of its own, with worker threads. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const program = "dist/src/cli/main.js";
const folder = mkdtempSync(join(tmpdir(), "congling-data-"));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function congling(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

interface Report {
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly removed: Record<string, { count: number }>;
  readonly changed: Record<string, { count: number }>;
  readonly figures: Record<string, number>;
}

/** Runs a command that must succeed and gives its report. */
function report(...args: string[]): Report {
  const { status, stdout, stderr } = congling("data", ...args, "--json", "--quiet");
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout.split("\n")[0]!) as Report;
}

const records = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const poems = gunzipSync(readFileSync("datasets/poems/valid.jsonl.gz")).toString().trimEnd().split("\n");

beforeAll(() => {
  const lines = [
    ...poems,
    poems[3]!,
    '{"text": broken',
    '{"text": "短"}',
    '{"text": "电话 13812345678，<b>请</b>联系我们的工作人员。"}',
  ];
  writeFileSync(at("raw.jsonl"), lines.join("\n"));
});

test("clean, dedupe, split and contamination in a row; nothing is lost silently", () => {
  const cleaned = report("clean", at("raw.jsonl"), "-o", at("clean.jsonl"), "--threads", "2");
  expect(cleaned.recordsIn).toBe(poems.length + 4);
  expect(cleaned.recordsOut).toBe(poems.length + 2);
  expect(Object.values(cleaned.removed).map(({ count }) => count)).toEqual([1, 1]);
  expect(cleaned.changed).toMatchObject({ "personal: phone": { count: 1 }, "HTML tags": { count: 1 } });
  expect(records(at("clean.rejected.jsonl")).map(({ line, reason }) => [line, reason])).toEqual([
    [poems.length + 2, expect.stringContaining("unreadable: not JSON")],
    [poems.length + 3, "fewer than 8 characters"],
  ]);
  const unique = report("dedupe", at("clean.jsonl"), "-o", at("unique.jsonl.gz"), "--threads", "2");
  expect(unique.recordsOut).toBe(poems.length + 1);
  const parts = report("split", at("unique.jsonl.gz"), "-o", at("split"), "--shares", "train=0.9,test=0.1").figures;
  expect(parts.train! + parts.test!).toBe(unique.recordsOut);
  const test = records(at("split/test.jsonl"));
  writeFileSync(
    at("leaky.jsonl"),
    `${readFileSync(at("split/train.jsonl"), "utf8")}${JSON.stringify({ text: `抄：${test[0]!.text}` })}\n`,
  );
  const checked = report(
    "contamination",
    at("leaky.jsonl"),
    "--against",
    at("split/test.jsonl"),
    "-o",
    at("train.jsonl"),
    "--threads",
    "2",
  );
  expect(checked.recordsIn - checked.recordsOut).toBe(1);
  expect(records(at("train.rejected.jsonl"))[0]!.reason).toContain("split/test.jsonl:1");
});

test("any number of threads gives the same bytes", () => {
  report("clean", at("raw.jsonl"), "-o", at("one.jsonl"), "--threads", "1", "--simplify");
  report("clean", at("raw.jsonl"), "-o", at("three.jsonl"), "--threads", "3", "--simplify");
  expect(readFileSync(at("three.jsonl")).equals(readFileSync(at("one.jsonl")))).toBe(true);
});

test("mix, augment and label", () => {
  report("mix", at("clean.jsonl"), at("raw.jsonl"), "-o", at("mixed.jsonl"), "--records", "100", "--temperature", "2");
  expect(records(at("mixed.jsonl")).length).toBe(100);
  writeFileSync(at("reviews.csv"), 'label,review\n1,"房间很好，干净"\n0,服务太差了\n1,推荐\n');
  const more = report(
    "augment",
    at("reviews.csv"),
    "--columns",
    "text=review",
    "--copies",
    "2",
    "--seed",
    "1",
    "-o",
    at("more.jsonl"),
  );
  expect(more.recordsIn).toBe(3);
  expect(more.recordsOut).toBe(3 + (more.figures.copies ?? 0));
  writeFileSync(
    at("mood.yaml"),
    'labels: ["1", "0"]\nlabellers:\n  - {name: words, lexicon: {"1": [好, 干净], "0": [差]}}\n  - {name: rules, rules: [{label: "1", pattern: 推荐|好}, {label: "0", pattern: 太差}]}\n',
  );
  const { stdout, status } = congling(
    "data",
    "label",
    at("reviews.csv"),
    "--columns",
    "text=review",
    "--schema",
    at("mood.yaml"),
    "--gold",
    "label",
    "-o",
    at("labelled.jsonl"),
    "--quiet",
  );
  expect(status).toBe(0);
  expect(stdout).toContain("kappa 1.000  agreement 100.0 %  records 2  words / rules");
  expect(records(at("labelled.jsonl")).map(({ label, label_majority }) => [label, label_majority])).toEqual([
    ["1", "1"],
    ["0", "0"],
    ["1", "1"],
  ]);
});

const tokenizer = "../shared/golden/tokenizers/bytelevel-bpe.tokenizer.json";
test.skipIf(!existsSync(tokenizer))("preview marks what is learnt", () => {
  writeFileSync(at("text.jsonl"), '{"text": "春眠不觉晓"}\n');
  const { stdout, stderr, status } = congling(
    "data",
    "preview",
    at("text.jsonl"),
    "--tokenizer",
    tokenizer,
    "--no-color",
  );
  expect([stderr, status]).toEqual(["", 0]);
  expect(stdout).toContain("⟦春眠不觉晓");
});

describe("killed", () => {
  test("a step that is killed and run again gives the same files", async () => {
    const many = Array.from({ length: 40 }, (_, i) =>
      poems.map((line) => line.replace('"text":"', `"text":"${i}号：`)),
    ).flat();
    writeFileSync(at("many.jsonl"), many.join("\n"));
    const args = [
      "data",
      "dedupe",
      at("many.jsonl"),
      "--near-minimum",
      "20",
      "--part-size",
      "1",
      "--quiet",
      "--threads",
      "2",
      "-o",
    ];
    expect(congling(...args, at("whole.jsonl")).status).toBe(0);
    let kills = 0;
    for (let finished = 0; kills < 3; kills++) {
      const child = spawn(process.execPath, [program, ...args, at("cut.jsonl")], { stdio: "ignore" });
      const ended = new Promise((done) => child.once("exit", done));
      const parts = () =>
        existsSync(at("cut.jsonl.parts"))
          ? readdirSync(at("cut.jsonl.parts")).filter((name) => /^\d+\.jsonl$/.test(name)).length
          : 0;
      while (parts() <= finished && child.exitCode === null) await wait(5);
      finished = parts();
      child.kill("SIGKILL");
      await ended;
      expect(existsSync(at("cut.jsonl"))).toBe(false);
    }
    expect(congling(...args, at("cut.jsonl")).status).toBe(0);
    expect(readFileSync(at("cut.jsonl")).equals(readFileSync(at("whole.jsonl")))).toBe(true);
    expect(readFileSync(at("cut.rejected.jsonl")).equals(readFileSync(at("whole.rejected.jsonl")))).toBe(true);
  });
});

describe("mistakes", () => {
  test.each([
    [["dtaa"], 2, 'did you mean "data"'],
    [["data", "clean", "none.jsonl", "-o", at("x.jsonl")], 1, "there is no file none.jsonl"],
    [["data", "clean", at("raw.jsonl")], 2, "required option"],
    [["data", "clean", at("raw.jsonl"), "-o", at("raw.jsonl")], 1, "is an input and would be replaced"],
    [["data", "dedupe", at("raw.jsonl"), "-o", at("x.jsonl"), "--threshold", "2"], 1, "threshold is 2"],
    [["data", "fetch", "chinese-poetri"], 1, "chinese-poetry"],
  ])("%j ends with %i and says %s", (args, status, message) => {
    const result = congling(...args);
    expect(result.stderr).toContain(message);
    expect(result.status).toBe(status);
    expect(result.stderr).not.toContain("    at ");
  });

  test.skipIf(process.platform === "win32")("a reader that has seen enough ends the output without an error", () => {
    // The reader is gone before Node has started.
    const script = `"$0" "$1" data augment --help | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", script, process.execPath, program], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout.trim()).toBe("0");
  });

  test("help of every command has an example", () => {
    const help = congling("data", "--help").stdout;
    const names = ["fetch", "clean", "dedupe", "augment", "label", "split", "mix", "contamination", "preview"];
    for (const name of names) {
      expect(help).toContain(`  ${name} `);
      expect(congling("data", name, "--help").stdout).toContain(`$ congling data ${name} `);
    }
  });
});
