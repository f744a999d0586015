import { expect, it } from "vitest";
import type { ChoiceTask, TextTask } from "../harness/task.ts";
import { evaluateTrigram } from "./evaluate-trigram.ts";
import { characterTrigram, trigramBits } from "./trigram.ts";

const learned = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? "春风吹绿柳，" : "秋雨打黄花。"));

const texts: TextTask = {
  kind: "text",
  name: "texts",
  title: "",
  titleZh: "",
  version: 1,
  load: async () => ["春风吹绿柳，", "秋雨打黄花。", "花黄打雨秋。"].map((text, i) => ({ id: String(i), text })),
};
const choices: ChoiceTask = {
  kind: "choice",
  name: "choices",
  title: "",
  titleZh: "",
  version: 1,
  load: async () => [
    { id: "a", context: "春风", choices: ["打黄花", "吹绿柳"], answer: 1 },
    { id: "b", context: "秋雨", choices: ["打黄花", "吹绿柳"], answer: 0 },
  ],
};
const data = () => "";

it("scores texts as trigramBits does, with an interval around the value", async () => {
  const figures = await evaluateTrigram(learned, [texts], { data });
  const [bits] = figures["texts"]!;
  const items = (await texts.load({ seed: 0, shots: 0, data })).map(({ text }) => text);
  expect(bits!.name).toBe("bits_per_character");
  expect(bits!.value).toBeCloseTo(trigramBits(learned, items), 10);
  expect(bits!.low).toBeLessThanOrEqual(bits!.value);
  expect(bits!.high).toBeGreaterThan(bits!.low);
});

it("chooses what goes on after the last two characters", async () => {
  const [accuracy] = (await evaluateTrigram(learned, [choices], { data }))["choices"]!;
  expect(accuracy).toMatchObject({ value: 1, chance: 0.5, items: 2 });
});

it("asks the items that a limit draws", async () => {
  const [bits] = (await evaluateTrigram(learned, [texts], { data, limit: 2 }))["texts"]!;
  expect(bits!.items).toBe(2);
});

it("takes a context to be what stands before the text", () => {
  const bitsOf = characterTrigram(learned);
  const whole = bitsOf("春风吹绿柳，");
  expect(bitsOf("春风") + bitsOf("吹绿柳，", "春风")).toBeCloseTo(whole, 10);
  expect(bitsOf("吹绿柳，", "春风")).toBeLessThan(bitsOf("吹绿柳，"));
});
