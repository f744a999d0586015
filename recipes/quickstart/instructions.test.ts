import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createRandom } from "../../src/support/random.ts";
import type { Poem } from "../parts/shipped-poems.ts";
import { instructionOf, taskShares, writeInstructions } from "./instructions.ts";

const poem: Poem = {
  dynasty: "唐",
  author: "王之涣",
  title: "登鹳雀楼",
  form: "五绝",
  text: "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
};
const random = createRandom(1);
const drawn = Array.from({ length: 2000 }, () => instructionOf(poem, random));

it("draws the tasks by their shares", () => {
  for (const [task, share] of Object.entries(taskShares)) {
    const got = drawn.filter((each) => each.task === task).length / drawn.length;
    expect(Math.abs(got - share)).toBeLessThan(0.03);
  }
});

it("asks for what the poem answers", () => {
  const of = (task: string) => drawn.filter((each) => each.task === task);
  expect(of("write")[0]).toEqual({ task: "write", instruction: "以“登鹳雀楼”为题写一首五绝。", answer: poem.text });
  expect(new Set(of("continue").map(({ answer }) => answer))).toEqual(new Set(["黄河入海流。", "更上一层楼。"]));
  for (const { instruction, answer } of of("fill")) {
    expect(instruction.replace("补全诗中缺的一联：", "").replace("[缺]", answer)).toBe(poem.text);
  }
  expect(of("author")[0]!.answer).toBe("王之涣");
  expect(of("dynasty")[0]!.answer).toBe("唐代");
});

it("writes alpaca records in which forms take turns, the same for a seed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "instructions-"));
  try {
    // One in ten has a form and a text of its own.
    const rare = { ...poem, form: "七绝", text: "黄河远上白云间，一片孤城万仞山。羌笛何须怨杨柳，春风不度玉门关。" };
    const poems = Array.from({ length: 40 }, (_, i) => ({ ...(i % 10 === 0 ? rare : poem), title: String(i) }));
    const [first, again, other] = ["a", "b", "c"].map((name) => join(folder, name));
    await writeInstructions(first!, poems, 1, 20);
    await writeInstructions(again!, poems, 1, 20);
    await writeInstructions(other!, poems, 2, 20);
    const text = readFileSync(first!, "utf8");
    expect(readFileSync(again!, "utf8")).toBe(text);
    expect(readFileSync(other!, "utf8")).not.toBe(text);
    const records = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(records.length).toBe(20);
    for (const record of records) expect(Object.keys(record)).toEqual(["instruction", "output"]);
    const isRare = (record: Record<string, string>) => /七绝|黄河远|孤城|羌笛|春风/u.test(JSON.stringify(record));
    expect(records.map(isRare).filter(Boolean).length).toBe(4);
    expect(records.slice(0, 8).map(isRare).filter(Boolean).length).toBe(4);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
