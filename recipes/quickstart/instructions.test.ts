import { expect, it } from "vitest";
import { createRandom } from "../../src/support/random.ts";
import { instructionOf, type Poem, taskShares } from "./instructions.ts";

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
