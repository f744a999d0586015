import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { dedupe } from "../dedupe/dedupe.ts";
import { clean } from "../file-steps.ts";
import { mix, mixCounts } from "../mix.ts";
import { split } from "../split.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-steps-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const words = "春夏秋冬风花雪月山水云天日星江河湖海东南西北";
const textOf = (i: number): string =>
  Array.from({ length: 150 }, (_, k) => words[(i * 7 + k * k * ((i % 13) + 1) + ((i * k) >> 3)) % words.length]).join(
    "",
  );

function write(name: string, values: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(path, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  return path;
}

const lines = (path: string): string[] => readFileSync(path, "utf8").split("\n").filter(Boolean);

/** Stops a step after so many calls of its progress, as a kill would between two batches. */
const stopAfter = (calls: number) => ({
  update(): void {
    if (calls-- <= 0) throw new Error("stopped");
  },
});

describe("resuming", () => {
  const records = Array.from({ length: 3000 }, (_, i) => ({
    id: i,
    text: `${textOf(i % 700)}${i % 3}\n${textOf((i % 11) + 900).slice(0, 30)}`,
  }));
  const read = { batchBytes: 20_000 };

  test.each(["clean", "dedupe"] as const)("%s stopped anywhere and run again gives the same files", async (name) => {
    const path = write(`${name}.jsonl`, records);
    const run = (output: string, progress?: { update(): void }) => {
      const options = {
        inputs: [{ path, read }],
        output,
        threads: 1,
        partBytes: 100_000,
        ...(progress === undefined ? {} : { progress }),
      };
      return name === "clean" ? clean({ quality: "none" }, options) : dedupe({ ...options, byLine: true });
    };
    const whole = await run(join(folder, `${name}.whole.jsonl`));
    const output = join(folder, `${name}.cut.jsonl`);
    for (const calls of [7, 20, 3, 31]) {
      await expect(run(output, stopAfter(calls))).rejects.toThrow("stopped");
      expect(existsSync(output)).toBe(false);
    }
    expect(readdirSync(`${output}.parts`).filter((file) => /^\d+\.jsonl$/.test(file)).length).toBeGreaterThan(5);
    const resumed = await run(output);
    expect(readFileSync(output, "utf8")).toBe(readFileSync(join(folder, `${name}.whole.jsonl`), "utf8"));
    expect(lines(join(folder, `${name}.cut.rejected.jsonl`))).toEqual(
      lines(join(folder, `${name}.whole.rejected.jsonl`)),
    );
    expect({ ...resumed, seconds: 0 }).toEqual({ ...whole, seconds: 0 });
    expect(existsSync(`${output}.parts`)).toBe(false);
    expect(resumed.recordsIn).toBe(3000);
    expect(resumed.recordsIn - resumed.recordsOut).toBe(
      Object.values(resumed.removed).reduce((sum, { count }) => sum + count, 0),
    );
  });

  test("other settings or another input start over", async () => {
    const path = write("over.jsonl", records);
    const output = join(folder, "over.out.jsonl");
    const run = (quality: "none" | "light", progress?: { update(): void }) =>
      clean(
        { quality },
        {
          inputs: [{ path, read }],
          output,
          threads: 1,
          partBytes: 100_000,
          ...(progress === undefined ? {} : { progress }),
        },
      );
    await expect(run("none", stopAfter(20))).rejects.toThrow("stopped");
    writeFileSync(path, `${JSON.stringify({ id: -1, text: "新的一行文字。" })}\n${readFileSync(path, "utf8")}`);
    expect((await run("none")).recordsOut).toBe(3001);
    expect(JSON.parse(lines(output)[0]!)).toMatchObject({ id: -1 });
  });

  test("input and output must differ, and inputs must be files", async () => {
    const path = write("same.jsonl", [{ text: "一" }]);
    await expect(clean({}, { inputs: [{ path }], output: path })).rejects.toMatchObject({ code: "SAME_FILE" });
    await expect(clean({}, { inputs: [{ path: folder }], output: join(folder, "x.jsonl") })).rejects.toMatchObject({
      code: "PATH_NOT_FOUND",
    });
  });

  test("dedupe run again compares what was named with --format, not what the fields look like", async () => {
    const records = Array.from({ length: 40_000 }, (_, i) => ({
      text: `第 ${i % 50} 号文本，内容各不相同`,
      messages: [{ role: "user", content: `问题 ${i}` }],
    }));
    const inputs = [{ path: write("named.jsonl", records), parse: { format: "text" } }];
    const options = { inputs, output: join(folder, "named.out.jsonl"), threads: 1, partBytes: 1 << 20 };
    await expect(dedupe({ ...options, progress: stopAfter(2) })).rejects.toThrow("stopped");
    expect((await dedupe(options)).recordsOut).toBe(50);
  });

  test("an output replaces no folder and no device, and a path through a file is refused in words", async () => {
    const inputs = [{ path: write("plain.jsonl", [{ text: "一" }]) }];
    await expect(clean({}, { inputs, output: folder })).rejects.toMatchObject({ code: "NOT_A_FILE" });
    const socket = join(folder, "socket");
    const server = createServer().listen(socket);
    await once(server, "listening");
    await expect(clean({}, { inputs, output: socket })).rejects.toMatchObject({ code: "NOT_A_FILE" });
    server.close();
    const through = join(folder, "plain.jsonl", "out");
    await expect(clean({}, { inputs, output: join(through, "x.jsonl") })).rejects.toMatchObject({
      code: "PATH_NOT_FOUND",
    });
    await expect(split({ inputs, folder: through })).rejects.toMatchObject({ code: "PATH_NOT_FOUND" });
  });
});

test("conversations: answers may be short, tags stay, an empty answer goes", async () => {
  const path = write("chat.jsonl", [
    { instruction: "6×7 等于几？", input: "", output: "42" },
    { instruction: "写一段 HTML", output: "<p>你好</p>" },
    { instruction: "无", output: "  " },
  ]);
  const report = await clean({}, { inputs: [{ path }], output: join(folder, "chat.out.jsonl"), threads: 1 });
  expect(lines(join(folder, "chat.out.jsonl")).map((line) => JSON.parse(line))).toEqual([
    { instruction: "6×7 等于几？", input: "", output: "42" },
    { instruction: "写一段 HTML", output: "<p>你好</p>" },
  ]);
  expect(report.removed.empty!.count).toBe(1);
});

describe("split", () => {
  const records = Array.from({ length: 2000 }, (_, i) => ({
    text: textOf(i),
    author: `a${i % 50}`,
    label: i % 4 === 0 ? "少" : "多",
  }));
  const inputs = [{ path: write("split.jsonl", records) }];
  const shares = { train: 0.8, test: 0.2 };

  test("the shares hold about, and a text stays where it is when others come", async () => {
    await split({ inputs, folder: join(folder, "s1"), shares });
    const report = await split({
      inputs: [{ path: write("more.jsonl", [...records, ...records.map(({ text }) => ({ text: `又${text}` }))]) }],
      folder: join(folder, "s2"),
      shares,
    });
    const first = lines(join(folder, "s1/test.jsonl"));
    expect(Math.abs(first.length / 2000 - 0.2)).toBeLessThan(4 * Math.sqrt((0.2 * 0.8) / 2000));
    const second = new Set(lines(join(folder, "s2/test.jsonl")));
    expect(first.every((line) => second.has(line))).toBe(true);
    expect(report).toMatchObject({ recordsIn: 4000, recordsOut: 4000 });
  });

  test("strata have their shares exactly; groups stay together", async () => {
    await split({ inputs, folder: join(folder, "s3"), shares, stratifyBy: "label" });
    const labels = lines(join(folder, "s3/test.jsonl")).map((line) => (JSON.parse(line) as { label: string }).label);
    // Equal texts share a place, so that a few may fall on one side.
    expect(Math.abs(labels.filter((label) => label === "少").length - 100)).toBeLessThanOrEqual(2);
    expect(Math.abs(labels.filter((label) => label === "多").length - 300)).toBeLessThanOrEqual(2);
    await split({ inputs, folder: join(folder, "s4"), shares, groupBy: "author" });
    const authors = (name: string) =>
      new Set(lines(join(folder, `s4/${name}.jsonl`)).map((line) => (JSON.parse(line) as { author: string }).author));
    expect([...authors("test")].filter((author) => authors("train").has(author))).toEqual([]);
    expect(authors("test").size).toBeGreaterThan(0);
  });

  test("no output replaces an input, and bad lines are set aside", async () => {
    const path = write("train.jsonl", [{ text: "一" }]);
    await expect(split({ inputs: [{ path }], folder })).rejects.toMatchObject({ code: "SAME_FILE" });
    await split({ inputs: [{ path: write("bad.jsonl", [{ text: "二" }, { text: 3 }]) }], folder: join(folder, "s6") });
    expect(lines(join(folder, "s6/split.rejected.jsonl")).map((line) => JSON.parse(line).line)).toEqual([2]);
    const output = join(folder, "mixed.jsonl");
    await mix({ inputs: [{ path }, { path: join(folder, "bad.jsonl") }], output });
    expect(lines(join(folder, "mixed.rejected.jsonl")).map((line) => JSON.parse(line).line)).toEqual([2]);
    await expect(mix({ inputs: [{ path: output }], output })).rejects.toMatchObject({ code: "SAME_FILE" });
  });

  test("shares that make no whole are refused", async () => {
    await expect(split({ inputs, folder, shares: { a: 0.5, b: 0.6 } })).rejects.toMatchObject({ code: "BAD_ARGUMENT" });
    await expect(split({ inputs, folder, stratifyBy: "kind" })).rejects.toMatchObject({ code: "MISSING_FIELD" });
  });
});

describe("mix", () => {
  test("counts by temperature, weights and limits, by hand", () => {
    expect(mixCounts([800, 100, 100], 1000, 1)).toEqual([800, 100, 100]);
    expect(mixCounts([900, 100], 1000, 2)).toEqual([750, 250]);
    expect(mixCounts([3, 3, 3], 10, 1).reduce((sum, count) => sum + count)).toBe(10);
    expect(mixCounts([100, 100], 100, 1, [3, 1])).toEqual([75, 25]);
    // Equal shares would repeat the small set 50 times: it gives 4 passes, the rest comes from the other.
    expect(mixCounts([1000, 10], 1000, 1e9, [1, 1], 4)).toEqual([960, 40]);
  });

  test("every record as often as its set's count says, evenly spread", async () => {
    const big = Array.from({ length: 90 }, (_, i) => ({ text: `大${i}` }));
    const small = Array.from({ length: 10 }, (_, i) => ({ text: `小${i}` }));
    const output = join(folder, "mix.jsonl");
    const report = await mix({
      inputs: [{ path: write("big.jsonl", big) }, { path: write("small.jsonl", small) }],
      output,
      temperature: 2,
      records: 100,
    });
    const texts = lines(output).map((line) => (JSON.parse(line) as { text: string }).text);
    expect(texts.filter((text) => text.startsWith("小")).length).toBe(25);
    const times = small.map(({ text }) => texts.filter((other) => other === text).length);
    expect(times.every((count) => count === 2 || count === 3)).toBe(true);
    expect(new Set(texts.filter((text) => text.startsWith("大"))).size).toBe(75);
    for (let start = 0; start < 100; start += 20) {
      const share = texts.slice(start, start + 20).filter((text) => text.startsWith("小")).length;
      expect(share).toBe(5);
    }
    expect(report.recordsOut).toBe(100);
  });

  test("fewer records than asked for are told with the reason, and weights that say nothing are refused", async () => {
    const inputs = [1, 2, 3].map((set) => ({
      path: write(`set${set}.jsonl`, [{ text: `甲${set}` }, { text: `乙${set}` }, { text: `丙${set}` }]),
    }));
    const output = join(folder, "few.jsonl");
    const { recordsOut, figures } = await mix({ inputs, output, records: 1000 });
    expect(recordsOut).toBe(36);
    const told = Object.entries(figures).find(([name]) => name.includes("--maximum-epochs"));
    expect(told).toEqual([expect.stringContaining("fewer than the 1000 asked for"), 964]);
    for (const [weights, fault] of [
      [[0, 0, 0], "all weights are 0"],
      [[Number.NaN, 0, 1], "weight 1 is NaN"],
      [[1, 1], "2 weights for 3 files"],
    ] as const) {
      await expect(mix({ inputs, output, weights })).rejects.toThrow(fault);
    }
  });
});
