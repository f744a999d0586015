/** What the READMEs show is run: the commands tagged `bash ci`, the program they print, and the output they quote. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

/** Bodies of the fenced blocks of a kind, for example "bash ci". */
function blocks(markdown: string, kind: string): string[] {
  const fence = new RegExp(`^\`{3}${kind}\\n([\\s\\S]*?)^\`{3}`, "gm");
  return [...markdown.matchAll(fence)].map(([, body = ""]) => body);
}

/** Shell lines, without comments. */
const commands = (markdown: string): string[] =>
  blocks(markdown, "bash ci")
    .flatMap((body) => body.split("\n").map((line) => line.replace(/#.*$/, "").trim()))
    .filter((line) => line !== "");

const readmes = ["README.md", "README.zh-CN.md"].map((name) => [name, readFileSync(name, "utf8")] as const);
const [[, english], [, chinese]] = readmes as [(typeof readmes)[number], (typeof readmes)[number]];

test("both languages show the same commands and programs", () => {
  expect(commands(chinese)).toEqual(commands(english));
  expect(commands(english).length).toBeGreaterThan(0);
  for (const kind of ["ts", "text quickstart", "text first-model"])
    expect(blocks(chinese, kind)).toEqual(blocks(english, kind));
});

const results = new Map<string, SpawnSyncReturns<string>>();

/** Runs a command line once, whoever asks for it. */
function resultOf(command: string): SpawnSyncReturns<string> {
  const result = results.get(command) ?? spawnSync(command, { shell: true, encoding: "utf8" });
  results.set(command, result);
  return result;
}

describe("commands tagged `bash ci`", () => {
  test.each(commands(english))("%s", (command) => {
    const { stdout, stderr, status } = resultOf(command);
    expect(status, `${stdout}\n${stderr}`).toBe(0);
  });
});

test("the program in the README is recipes/first-model.ts, and prints what the README says", () => {
  const [program] = blocks(english, "ts");
  const source = readFileSync("recipes/first-model.ts", "utf8");
  expect(source.slice(source.indexOf("import "))).toBe(program);
  const { stdout, stderr } = spawnSync(process.execPath, ["dist/recipes/first-model.js"], { encoding: "utf8" });
  expect(stderr).toBe("");
  const steps = (text: string) =>
    text
      .trim()
      .split("\n")
      .map((line) => line.split(":")[0]);
  expect(steps(stdout)).toEqual(steps(blocks(english, "text first-model")[0]!));
  // Digits of a loss belong to one machine; that the network has learned does not.
  expect(Number(stdout.trim().split(" ").at(-1))).toBeLessThan(0.001);
});

test("the quoted output of the quick start has the stages that a short run prints, and it leaves a report", () => {
  const { stdout, stderr, status } = resultOf("npm run quickstart -- --steps 2 --out runs/readme-ci");
  expect(status, stderr).toBe(0);
  const stages = (text: string) => text.split("\n").flatMap((line) => /^\d\. [^:]*/.exec(line) ?? []);
  const quoted = blocks(english, "text quickstart")[0]!;
  expect(stages(quoted).length).toBe(8);
  // Numbers of steps and tokens stand in two of the headings.
  const words = (heading: string) => heading.replace(/\d+/g, "N");
  expect(stages(stdout).map(words)).toEqual(stages(quoted).map(words));
  expect(stdout).toContain("answers equal");
  const report = readFileSync("runs/readme-ci/report.html", "utf8");
  for (const [zh, en] of [
    ["成绩", "Figures"],
    ["数据", "Data"],
    ["分词器", "Tokenizer"],
    ["曲线", "Curves"],
    ["微调方法", "Fine-tuning"],
    ["压缩与导出", "Compression and export"],
    ["对话样例", "Sample chats"],
    ["机器与用时", "Machine and time"],
  ]) {
    expect(report).toContain(`<h2><span lang="zh">${zh}</span><span lang="en">${en}</span></h2>`);
  }
  // Nothing that a browser would have to fetch.
  expect(report).not.toMatch(/(?:src|href)="|url\(|@import/);
});
