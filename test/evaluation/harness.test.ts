/** Tasks on models whose answers are known: scores, chance, resuming, reports. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ChoiceTask,
  dataFolders,
  evaluate,
  type GenerationTask,
  hasForm,
  readTexts,
  reportHtml,
  reportTable,
  rhymeClass,
  rhymes,
  type Scores,
  type Task,
  type TextTask,
  tasks,
  textFileTask,
  toneScore,
  tonesOf,
} from "../../src/evaluation/index.ts";
import { uniformModel } from "./fake-models.fixture.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "congling-harness-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const data = dataFolders();
const context = { seed: 0, shots: 0, data };

/** Which of three letters does the question name? Half the items in each of two groups of different difficulty. */
const letters: ChoiceTask = {
  kind: "choice",
  name: "letters",
  title: "letters",
  titleZh: "字母",
  version: 1,
  load: async () =>
    Array.from({ length: 150 }, (_, i) => ({
      id: `item-${i}`,
      context: `say ${"abc"[i % 3]}:`,
      choices: ["a", "b", "c"],
      answer: i % 3,
      group: i < 30 ? "few" : "many",
    })),
};
/** Reads the letter behind "say ". */
const knowing = (before: readonly number[], next: number): number => (before.at(-2) === next ? 5 : 0);

describe("choices", () => {
  test("a model that knows", async () => {
    const { model } = uniformModel({ score: knowing });
    const { tasks: reports } = await evaluate(model, [letters], { name: "knowing", data });
    const [report] = reports;
    expect(report!.figures[0]).toMatchObject({ name: "accuracy", value: 1, high: 1, onChance: false });
    // All 150 are right, which 97.5 % would be often enough: Wilson, 150 / (150 + 1.96²).
    expect(report!.figures[0]!.low).toBeCloseTo(0.975, 3);
    expect(report!.figures[0]!.chance).toBeCloseTo(1 / 3, 12);
    expect(report!.groups).toEqual([
      { group: "few", items: 30, value: 1 },
      { group: "many", items: 120, value: 1 },
    ]);
  });

  test("a model that does not know sits on chance, and the reports say so", async () => {
    const { model } = uniformModel();
    const result = await evaluate(model, [letters], { name: "<guessing>", data });
    expect(result.tasks[0]!.figures[0]).toMatchObject({ onChance: true });
    expect(reportTable(result)).toContain("does not differ from guessing (33.3 %)");
    const page = reportHtml(result);
    expect(page).toContain("与乱猜（33.3 %）没有差别");
    expect(page).toContain("虚线：乱猜。点线：人写的原文。");
    expect(page).toContain("&#60;guessing&#62;");
    expect(page).not.toMatch(/<guessing>|src=|href=|@import|url\(/);
  });

  test("groups count alike, whatever their size", async () => {
    const score = (before: readonly number[], next: number) =>
      before.length < 8 && before.at(-2) === next ? 5 : next === 97 ? 1 : 0;
    const uneven: ChoiceTask = {
      ...letters,
      load: async () => [
        ...Array.from({ length: 10 }, (_, i) => ({
          id: `a${i}`,
          context: "say b:",
          choices: ["a", "b"],
          answer: 1,
          group: "short",
        })),
        ...Array.from({ length: 90 }, (_, i) => ({
          id: `b${i}`,
          context: "please say b:",
          choices: ["a", "b"],
          answer: 1,
          group: "long",
        })),
      ],
    };
    const { model } = uniformModel({ score });
    const { tasks: reports } = await evaluate(model, [uneven], { name: "x", data });
    expect(reports[0]!.figures[0]!.value).toBe(0.5);
  });

  test("choices without anything before them, for a tokenizer that puts nothing there either", async () => {
    // Only behind the token that stands for the start is "a" likelier than "b".
    const { model, tokenizer } = uniformModel({ score: (before, next) => (before[0] === 1000 && next === 97 ? 1 : 0) });
    expect(tokenizer.encode("")).toEqual([]);
    const start: ChoiceTask = {
      ...letters,
      byInformation: true,
      load: async () => [{ id: "0", context: "", choices: ["b", "a"], answer: 1 }],
    };
    const { tasks: reports } = await evaluate(model, [start], { name: "x", data });
    expect(reports[0]!.figures[0]).toMatchObject({ name: "accuracy", value: 1 });
  });

  test("per byte, a long choice is not at a disadvantage", async () => {
    // Every token costs the same, so the shortest choice wins by sum.
    const longer: ChoiceTask = {
      ...letters,
      load: async () => [{ id: "0", context: "?", choices: ["a", "bb"], answer: 1 }],
    };
    const { model } = uniformModel({ score: (_, next) => (next === 98 ? 1 : 0) });
    const { tasks: reports } = await evaluate(model, [longer], { name: "x", data });
    expect(reports[0]!.figures.map(({ name, value }) => [name, value])).toEqual([
      ["accuracy", 0],
      ["accuracy_per_byte", 1],
    ]);
    const grouped: ChoiceTask = {
      ...longer,
      main: "per-byte",
      byInformation: true,
      load: async () => [{ id: "0", context: "?", choices: ["a", "bb"], answer: 1, group: "g" }],
    };
    const { tasks: leading } = await evaluate(model, [grouped], { name: "x", data });
    // The groups say the same as the figure above them.
    expect(leading[0]!.figures[0]).toMatchObject({ name: "accuracy_per_byte", value: 1 });
    expect(leading[0]!.groups).toEqual([{ group: "g", items: 1, value: 1 }]);
  });
});

test("text: a model to which all bytes are alike needs log2 V bits for each", async () => {
  const task: TextTask = {
    ...{ kind: "text", name: "texts", title: "texts", titleZh: "文本", version: 1 },
    load: async () => [
      { id: "0", text: "春眠不觉晓" },
      { id: "1", text: "abc" },
    ],
  };
  const { model } = uniformModel();
  const { tasks: reports } = await evaluate(model, [task], { name: "x", data });
  const bits = Math.log2(model.config.vocabulary);
  const [character, byte, perplexity] = reports[0]!.figures;
  expect(byte!.value).toBeCloseTo(bits, 4);
  expect(character!.value).toBeCloseTo((bits * 18) / 8, 4);
  expect(perplexity!.value).toBeCloseTo(model.config.vocabulary, 1);
});

test("a task without solved examples is not reported to have been asked with some", async () => {
  const { model } = uniformModel();
  const options = { name: "x", data, shots: 3 };
  const { tasks: reports } = await evaluate(
    model,
    [
      { ...letters, takesShots: false },
      { ...letters, name: "l" },
    ],
    options,
  );
  expect(reports.map(({ shots }) => shots)).toEqual([0, 3]);
  expect(reports.map(({ warnings }) => warnings.join())).toEqual([expect.stringContaining("no solved examples"), ""]);
  expect(Object.values(tasks).map(({ name, takesShots }) => [name, takesShots ?? true])).toEqual([
    ["cmmlu", true],
    ["poem-surprise", false],
    ["poem-next-line", false],
    ["poem-form", false],
  ]);
});

describe("results that are kept", () => {
  const options = (name: string) => ({ name: "m", data, folder: join(folder, name) });

  test("a run that was cut off goes on, and ends like one that was not", async () => {
    const whole = await evaluate(uniformModel({ score: knowing }).model, [letters], options("whole"));
    const cut = new AbortController();
    const stopping = evaluate(uniformModel({ score: knowing }).model, [letters], {
      ...options("cut"),
      signal: cut.signal,
      onProgress: (_, done) => {
        if (done > 0) cut.abort(new Error("enough"));
      },
    });
    await expect(stopping).rejects.toThrow("enough");
    const path = join(folder, "cut/letters.jsonl");
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(1 + 64 + 1);
    appendFileSync(path, '{"id": "item-64", "ans'); // killed while it wrote
    const { model, calls } = uniformModel({ score: knowing });
    const resumed = await evaluate(model, [letters], options("cut"));
    expect(resumed.tasks[0]).toMatchObject({ resumed: 64, items: 150, figures: whole.tasks[0]!.figures });
    expect(readFileSync(path, "utf8")).toBe(readFileSync(join(folder, "whole/letters.jsonl"), "utf8"));
    expect(calls()).toBe(2); // two batches of 64 and 22 items
    const again = uniformModel();
    expect((await evaluate(again.model, [letters], options("cut"))).tasks[0]!.figures).toEqual(whole.tasks[0]!.figures);
    expect(again.calls()).toBe(0);
  });

  test("a folder that cannot be written is refused before anything is asked", async () => {
    writeFileSync(join(folder, "a-file"), "");
    const { model, calls } = uniformModel();
    const refused = evaluate(model, [letters], options("a-file"));
    await expect(refused).rejects.toMatchObject({ code: "PATH_NOT_FOUND", message: expect.stringContaining("a-file") });
    expect(calls()).toBe(0);
  });

  test("a file that was changed, or another of the same name, is not taken for the one before", async () => {
    const path = join(folder, "texts.txt");
    writeFileSync(path, "a\n\nbb");
    await evaluate(uniformModel().model, [textFileTask(path)], { ...options("texts"), limit: 1 });
    // The limit may grow: the same items have the same results.
    const more = await evaluate(uniformModel().model, [textFileTask(path)], options("texts"));
    expect(more.tasks[0]).toMatchObject({ items: 2, resumed: 1 });
    writeFileSync(path, "a\n\ncc");
    const changed = evaluate(uniformModel().model, [textFileTask(path)], options("texts"));
    await expect(changed).rejects.toMatchObject({ code: "OTHER_RUN", message: expect.stringContaining("the data") });
  });

  test("results of another run or damaged ones are refused", async () => {
    const { model } = uniformModel();
    await evaluate(model, [letters], { ...options("other"), limit: 5 });
    const seeded = evaluate(model, [letters], { ...options("other"), seed: 1 });
    await expect(seeded).rejects.toMatchObject({
      code: "OTHER_RUN",
      message: expect.stringContaining("another run: seed is 0 there and 1 here"),
    });
    const another = evaluate(model, [letters], { ...options("other"), identity: "other weights" });
    await expect(another).rejects.toMatchObject({ code: "OTHER_RUN" });
    const path = join(folder, "other/letters.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace('"id"', "id"));
    await expect(evaluate(model, [letters], options("other"))).rejects.toMatchObject({ code: "BAD_RECORD" });
  });
});

describe("poems", () => {
  const heron = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。";

  test("form", () => {
    expect(hasForm(heron, "五绝")).toBe(true);
    expect(hasForm(heron.replaceAll("。", "\n"), "五绝")).toBe(true);
    expect(hasForm(heron, "七绝")).toBe(false);
    expect(hasForm(heron.replace("流", "流水"), "五绝")).toBe(false);
    expect(hasForm(heron.replace("流", "a"), "五绝")).toBe(false);
    expect(hasForm(heron + heron, "五律")).toBe(true);
  });

  test("tones and rhymes by modern readings", () => {
    expect(tonesOf("更上一层楼").map((tone) => tone[0])).toEqual(["o", "o", "l", "l", "l"]);
    expect(rhymes(heron)).toBe(true);
    expect(rhymes(heron.replace("楼", "山"))).toBe(false);
    const classes = ["楼流", "山天", "人春", "雪也月", "诗知", "鱼衣", "书无", "风红", "回飞"];
    for (const word of classes) expect(new Set([...word].map(rhymeClass)).size).toBe(1);
    expect(new Set(["楼", "山", "人", "雪", "诗", "鱼", "书", "风", "回"].map(rhymeClass)).size).toBe(9);
    // By hand. 白日依山尽 2 4 1 1 4, 黄河入海流 2 2 4 3 2, 欲穷千里目 4 2 1 3 4, 更上一层楼 4 4 1 2 2. Alternation: 4 of 4;
    // couplets: opposite 2 of 2, neighbours 河穷 alike; ends: 流 目 楼 right, 尽 free; tails: 3 of 4, for 一层楼 was no level
    // tail while 一 had its entering tone. 13 of 14.
    expect(toneScore(heron)).toBeCloseTo(13 / 14, 12);
    // All level: only the end of the even line is right, of 2 alternations, 1 opposition, 1 end and 2 tails.
    expect(toneScore("天天天天天，天天天天天。")).toBeCloseTo(1 / 6, 12);
  });

  test("next lines: four options of one shape, the same for a seed, the answer anywhere", async () => {
    const task = tasks["poem-next-line"] as ChoiceTask;
    const items = await task.load(context);
    expect(items.length).toBeGreaterThan(1900);
    for (const { context: before, choices, answer } of items) {
      expect(new Set(choices).size).toBe(4);
      expect(new Set(choices.map((choice) => [...choice].length)).size).toBe(1);
      expect(new Set(choices.map((choice) => choice.at(-1))).size).toBe(1);
      expect(before).not.toContain(choices[answer]!.slice(0, -1));
    }
    const counts = [0, 1, 2, 3].map((place) => items.filter(({ answer }) => answer === place).length / items.length);
    for (const share of counts) expect(share).toBeCloseTo(0.25, 1);
    expect(await task.load(context)).toEqual(items);
    expect(await task.load({ ...context, seed: 1 })).not.toEqual(items);
  });

  test("poems on request, beside what the poets wrote", async () => {
    const task = tasks["poem-form"] as GenerationTask;
    const write = (prompt: string) => (prompt.includes("五绝") ? heron : "不会");
    const { model } = uniformModel({ write });
    const { tasks: reports } = await evaluate(model, [task], { name: "x", data, limit: 60 });
    const [form, tones, rhyme] = reports[0]!.figures;
    expect(form!.value).toBeGreaterThan(0);
    expect(form!.value).toBeLessThan(1);
    expect(form!.reference).toBe(1);
    expect(tones!.value).toBeCloseTo(toneScore(heron)!, 12);
    expect(tones!.reference).toBeGreaterThan(0.8);
    expect(rhyme).toMatchObject({ value: 1 });
    expect(rhyme!.items).toBe(Math.round(form!.value * form!.items));
  });
});

const cmmluFolder = new URL("../../../shared/data/cmmlu", import.meta.url).pathname;
describe.skipIf(!existsSync(cmmluFolder))("CMMLU", () => {
  test("all questions with five solved ones of their subject", async () => {
    const task = tasks.cmmlu as ChoiceTask;
    const items = await task.load({ seed: 0, shots: 5, data: () => cmmluFolder });
    expect(items).toHaveLength(11582);
    expect(new Set(items.map(({ group }) => group)).size).toBe(67);
    const [first] = items;
    expect(first!.context.startsWith("以下是关于农学的单项选择题，请直接给出正确答案的选项。\n\n题目：")).toBe(true);
    expect(first!.context.match(/答案是：[ABCD]\n/g)).toHaveLength(5);
    expect(first!.context.endsWith("D. 资金\n答案是：")).toBe(true);
    expect(first!.choices[first!.answer]).toBe("B");
    expect(items.some(({ context: text }) => /关于[a-z]/.test(text.slice(0, 10)))).toBe(false);
  });

  test("more solved questions than there are cannot be shown", async () => {
    const asked = (tasks.cmmlu as ChoiceTask).load({ seed: 0, shots: 6, data: () => cmmluFolder });
    await expect(asked).rejects.toThrow("6 shots, and agronomy has 5 solved questions");
  });

  test("a model that always says A sits near chance", async () => {
    const { model } = uniformModel({ score: (_, next) => (next === 65 ? 1 : 0) });
    const options = { name: "A", data: () => cmmluFolder, shots: 0, limit: 40 };
    const { tasks: reports } = await evaluate(model, [tasks.cmmlu!], options);
    expect(reports[0]!.figures[0]!.chance).toBe(0.25);
    expect(reports[0]!.groups.length).toBeGreaterThan(15);
  });
});

describe("tasks made by hand that no figure would show to be wrong", () => {
  const ask = (task: Task) => evaluate(uniformModel({ write: () => "x" }).model, [task], { name: "x", data });
  const item = { id: "0", context: "?", choices: ["a", "b"], answer: 0 };
  test.each([
    ["two items of one id", [item, { ...item, answer: 1 }], 'two items have the id "0"'],
    ["an answer counted from 1", [{ ...item, answer: 2 }], "the answer 2"],
    ["an empty choice", [{ ...item, choices: ["a", ""] }], 'the choices ["a",""]'],
    ["no choice", [{ ...item, choices: [] }], "the choices []"],
  ])("%s", async (_, items, message) => {
    const asked = ask({ ...letters, load: async () => items });
    await expect(asked).rejects.toMatchObject({ code: "BAD_TASK", message: expect.stringContaining(message) });
  });
  test("scores that are no shares, or have no title", async () => {
    const scored = (scores: Scores): GenerationTask => ({
      ...{ kind: "generation", name: "g", title: "g", titleZh: "g", version: 1, maxNewTokens: 1 },
      scores: { good: { title: "good", titleZh: "好" } },
      load: async () => [{ id: "0", prompt: "?" }],
      score: () => scores,
    });
    await expect(ask(scored({ good: Number.NaN }))).rejects.toThrow("the score good = NaN");
    await expect(ask(scored({ good: 50 }))).rejects.toThrow("the score good = 50");
    await expect(ask(scored({ god: 1 }))).rejects.toThrow("the score god = 1");
  });
  test("an empty text", async () => {
    const texts: TextTask = {
      ...{ kind: "text", name: "t", title: "t", titleZh: "t", version: 1 },
      load: async () => [
        { id: "0", text: "a" },
        { id: "1", text: "" },
      ],
    };
    await expect(ask(texts)).rejects.toThrow('t: the text of item "1" is empty');
  });
  test("two of one name", async () => {
    const { model } = uniformModel();
    await expect(evaluate(model, [letters, letters], { name: "x", data })).rejects.toThrow(
      "two tasks are called letters",
    );
  });
});

test("a packed file of paragraphs is unpacked, not read as it stands", async () => {
  const path = join(folder, "packed.txt.gz");
  writeFileSync(path, gzipSync("春眠不觉晓\n\n处处闻啼鸟"));
  expect(await readTexts(path)).toEqual(["春眠不觉晓", "处处闻啼鸟"]);
});

test("a file of texts that is not there is not blamed on --data alone", async () => {
  await expect(textFileTask(join(folder, "nowhere.jsonl")).load(context)).rejects.toThrow(
    "given with --data or --text",
  );
});

test("data that is not here is asked for by name, before the tasks that have theirs", async () => {
  const { model, calls } = uniformModel();
  const asked = evaluate(model, [letters, tasks.cmmlu!], { name: "x", data: dataFolders({ cmmlu: "nowhere" }) });
  await expect(asked).rejects.toMatchObject({ code: "DATA_MISSING" });
  expect(calls()).toBe(0);
  expect(() => dataFolders()("cmmlu-nowhere")).toThrow(/--data cmmlu-nowhere=DIR/);
});
