/** `congling chat`, `generate` and `serve` as a user starts them: the compiled program on a tiny model. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeTinyModel } from "./tiny-model.fixture.ts";

let folder = "";
let model = "";
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "congling-commands-"));
  model = join(folder, "tiny");
  await writeTinyModel(model);
  await writeTinyModel(join(folder, "plain"), { chats: false });
  await writeTinyModel(join(folder, "short"), { contextLength: 24 });
});
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const program = "dist/src/cli/main.js";

function congling(args: readonly string[], input = "") {
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", input });
  return { stdout, stderr, status };
}

const records = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("generate", () => {
  test("one prompt is continued as plain text, the same each time", () => {
    const first = congling(["generate", model, "--prompt", "白日依山尽，", "--max-tokens", "8"]);
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(first.stdout.length).toBeGreaterThan(1);
    expect(congling(["generate", model, "--prompt", "白日依山尽，", "--max-tokens", "8"]).stdout).toBe(first.stdout);
  });

  test("samples follow from the seed, whatever other prompts there are", () => {
    const sampling = ["--samples", "3", "--temperature", "1", "--max-tokens", "6", "--json"];
    const alone = congling(["generate", model, "--prompt", "春眠", "--seed", "4", ...sampling]);
    const both = congling(["generate", model, "--prompt", "夜来", "--prompt", "春眠", "--seed", "4", ...sampling]);
    const other = congling(["generate", model, "--prompt", "春眠", "--seed", "5", ...sampling]);
    const texts = (run: { stdout: string }, index: number) =>
      records(run.stdout).flatMap((record) => (record.index === index ? [record.text] : []));
    expect(texts(alone, 0)).toHaveLength(3);
    expect(texts(both, 1)).toEqual(texts(alone, 0));
    expect(texts(other, 0)).not.toEqual(texts(alone, 0));
    expect(new Set(texts(alone, 0)).size).toBeGreaterThan(1);
  });

  test("files of prompts to a file of answers, with log-probabilities", () => {
    const prompts = join(folder, "prompts.jsonl");
    const lines = [{ prompt: "春眠" }, { messages: [{ role: "user", content: "写诗" }] }];
    writeFileSync(prompts, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const out = join(folder, "answers.jsonl");
    const args = ["generate", model, "--prompts", prompts, "--out", out, "--max-tokens", "4", "--logprobs", "2"];
    const run = congling(args);
    expect(run).toMatchObject({ status: 0, stdout: "" });
    const answers = records(readFileSync(out, "utf8"));
    expect(answers).toMatchObject([
      { index: 0, sample: 0, prompt: "春眠", tokens: 4, finish: "length" },
      { index: 1, sample: 0, messages: [{ role: "user" }] },
    ]);
    const [token] = answers[0]!.logprobs as { logprob: number; top: { logprob: number; id: number }[]; id: number }[];
    expect(token!.top).toHaveLength(2);
    expect(token).toMatchObject({ id: token!.top[0]!.id, logprob: token!.top[0]!.logprob }); // greedy takes the likeliest
    expect(congling(args)).toMatchObject({ status: 1, stderr: expect.stringContaining("is there already") });
  });

  test("prompts come from standard input, and an answer begins with a word", () => {
    const args = ["generate", model, "--chat", "--temperature", "1", "--seed", "3", "--max-tokens", "12"];
    const lines = Array.from({ length: 8 }, (_, i) => `第${i}句`);
    const texts = records(congling([...args, "--json", "--prompts", "-"], lines.join("\n")).stdout).map(
      ({ text }) => text,
    );
    expect(texts).toHaveLength(lines.length);
    expect(texts).toEqual(texts.map((text) => (text as string).trimStart()));
    // As it streams.
    expect(congling([...args, "--prompt", lines[0]!]).stdout).toBe(`${texts[0]}\n`);
  });

  test("mistakes are explained", () => {
    const bad = join(folder, "bad.jsonl");
    writeFileSync(bad, '{"prompt": "a"}\n{"promt": "b"}\n');
    const cases: [args: string[], says: RegExp, status: number][] = [
      [[model], /no prompt/, 1],
      [[model, "--prompts", join(folder, "none.txt")], /cannot read/, 1],
      [[model, "--prompts", bad], /line 2.*neither/, 1],
      [[model, "--prompt", "a", "--samples", "2"], /temperature/, 1],
      [[model, "--prompt", "a", "--logprobs", "2"], /--json/, 1],
      [[model, "--prompt", "a", "--max-tokens", "x"], /whole number/, 2],
      [[join(folder, "nothing"), "--prompt", "a"], /there is nothing at/, 1],
      [[join(folder, "plain"), "--chat", "--prompt", "a"], /chat/, 1],
    ];
    for (const [args, says, status] of cases) {
      const run = congling(["generate", ...args]);
      expect(run.stderr).toMatch(says);
      expect(run.stderr).not.toContain("    at "); // no stack
      expect(run.status).toBe(status);
    }
  });
});

describe("chat", () => {
  const say = (lines: readonly string[], ...more: string[]) =>
    congling(
      ["chat", model, "--max-tokens", "6", "--temperature", "0", ...more],
      lines.map((line) => `${line}\n`).join(""),
    );

  test("turns build on one another, and are saved", () => {
    const saved = join(folder, "saved.jsonl");
    const run = say(["/help", "你好", "再说", `/save ${saved}`, "/reset", "你好", `/save ${saved}`, "/nonsense"]);
    expect(run.status).toBe(0);
    expect(run.stdout).toContain("/system TEXT");
    expect(run.stdout).toContain("no command /nonsense");
    const [first, second] = records(readFileSync(saved, "utf8")) as { messages: { role: string; content: string }[] }[];
    expect(first!.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
    expect(second!.messages).toEqual(first!.messages.slice(0, 2)); // after the reset the same question, the same answer
    expect(run.stdout).toContain(first!.messages[1]!.content);
  });

  test("a system message is part of the conversation", () => {
    const saved = join(folder, "system.jsonl");
    const run = say(["/system", "/system 你是诗人", "你好", `/save ${saved}`], "--system", "你是医生");
    expect(run.stdout).toContain("你是医生");
    expect(records(readFileSync(saved, "utf8"))[0]).toMatchObject({
      messages: [{ role: "system", content: "你是诗人" }, {}, {}],
    });
  });

  test("an answer cut short says by what", () => {
    expect(say(["你好"]).stdout).toContain("… (--max-tokens)");
    const short = congling(["chat", join(folder, "short"), "--temperature", "0"], "你好\n");
    expect(short.stdout).toContain("… (the context is full)");
  });

  test("a model without a template says so before it asks", () => {
    const run = congling(["chat", join(folder, "plain")], "你好\n");
    expect(run).toMatchObject({ status: 1, stdout: "" });
    expect(run.stderr).toContain("congling generate");
  });

  test("Ctrl-C ends the answer, not the program", async () => {
    const child = spawn(process.execPath, [program, "chat", model, "--temperature", "1", "--max-tokens", "100000"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    children.push(child);
    let output = "";
    const until = async (pattern: RegExp) => {
      while (!pattern.test(output)) await new Promise((resolve) => child.stdout.once("data", resolve));
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    // Small and without an end token it would write until the context is full: the interrupt comes first or changes nothing.
    child.stdin.write("你好\n");
    await until(/./s);
    child.kill("SIGINT");
    await until(/\(stopped\)|--max-tokens/);
    child.stdin.write("/help\n/exit\n");
    await until(/Ctrl-C {9}stop/);
    expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(0);
  });
});

describe("serve", () => {
  test("a client talks with it, and it ends when told to", async () => {
    const child = spawn(process.execPath, [program, "serve", model, "--port", "0", "--api-key", "sk-test"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    children.push(child);
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    while (!log.includes("serving")) await new Promise((resolve) => child.stderr.once("data", resolve));
    const [, baseURL] = /at (http:\S+)/.exec(log)!;
    const client = new OpenAI({ baseURL, apiKey: "sk-test", maxRetries: 0 });
    const body = {
      model: "tiny",
      messages: [{ role: "user" as const, content: "你好" }],
      max_tokens: 8,
      temperature: 0,
    };
    const whole = await client.chat.completions.create(body);
    let text = "";
    for await (const { choices } of await client.chat.completions.create({ ...body, stream: true })) {
      text += choices[0]!.delta.content ?? "";
    }
    expect(text).toBe(whole.choices[0]!.message.content);
    const others = await Promise.all(Array.from({ length: 4 }, () => client.chat.completions.create(body)));
    for (const other of others) expect(other.choices).toEqual(whole.choices);
    const stranger = new OpenAI({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401 });
    child.kill("SIGTERM");
    expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(0);
  });
});

test.each(["chat", "generate", "serve"])("%s --help shows examples", (verb) => {
  const run = congling([verb, "--help"]);
  expect(run.status).toBe(0);
  expect(run.stdout).toMatch(/Examples:\n {2}congling /);
});
