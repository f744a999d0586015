/** Requests as ids, and whether tokenizer and configuration belong together. */
import { describe, expect, test } from "vitest";
import { readModelConfig } from "../models/index.ts";
import { tinyConfigs } from "../models/tiny-configs.fixture.ts";
import { byteTokenizer } from "./byte-tokenizer.fixture.ts";
import { checkConfigIds, checkTokenizer, unusedIds } from "./check-parts.ts";
import { endIdsOf, type ModelTokenizer, promptsOf, withoutPrompt } from "./prompts.ts";

/** Bytes, and the special tokens of GLM-4. */
const names = ["[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<|endoftext|>"];
const special = new Map(names.map((name, i) => [name, 256 + i]));
const glm: ModelTokenizer = {
  ...byteTokenizer,
  vocabularySize: 263,
  specialTokens: special,
  ids: { end: special.get("<|endoftext|>")! },
  tokenOf: (id) => (id < 256 ? String.fromCharCode(id) : names[id - 256]),
  idOf: (token) => special.get(token),
};

describe("prompts", () => {
  test("ids, one list or several", () => {
    expect(promptsOf({ inputIds: [1, 2] }, undefined)).toEqual([[1, 2]]);
    expect(promptsOf({ inputIds: [[1, 2], [3]] }, undefined)).toEqual([[1, 2], [3]]);
  });
  test("text, one or several", () => {
    expect(promptsOf({ prompt: "ab" }, glm)).toEqual([[97, 98]]);
    expect(promptsOf({ prompt: ["a", "b"] }, glm)).toEqual([[97], [98]]);
  });
  test("a conversation by the template of the tokenizer's generation, which also names the ends", () => {
    const request = { messages: [{ role: "user", content: "hi<|user|>" }] };
    const [ids] = promptsOf(request, glm);
    expect(ids!.filter((id) => id === special.get("<|user|>")).length).toBe(1); // the typed one is text
    expect(ids!.at(-1)).toBe(special.get("<|assistant|>"));
    expect(endIdsOf(request, glm, [7])).toEqual(expect.arrayContaining([7, special.get("<|user|>")]));
    expect(endIdsOf({ inputIds: [1] }, glm, [7])).toEqual([7]);
  });
  test("a template of the model's own goes first", () => {
    const chatTemplate = "{% for m in messages %}[{{ m.content }}]{% endfor %}";
    const request = { messages: [{ role: "user", content: "hi" }] };
    expect(byteTokenizer.decode(promptsOf(request, { ...glm, chatTemplate })[0]!)).toBe("[hi]");
  });
  test.each([{}, { inputIds: [1], prompt: "a" }])("refuses %j", (request) =>
    expect(() => promptsOf(request, glm)).toThrow(/one of inputIds, prompt and messages/),
  );
  test("refuses text without a tokenizer", () =>
    expect(() => promptsOf({ messages: [{ role: "user", content: "a" }] }, undefined)).toThrow(/no tokenizer/));
  test("leaves the options", () =>
    expect(withoutPrompt({ inputIds: [1], chat: {}, topK: 3 } as { inputIds: number[] })).toEqual({ topK: 3 }));
});

describe("parts that belong together", () => {
  const { config } = readModelConfig(tinyConfigs.chatglm_6b!);
  const fitting = {
    ...byteTokenizer,
    vocabularySize: 22,
    specialTokens: new Map([
      ["[gMASK]", 19],
      ["<sop>", 20],
    ]),
  };
  test("a fitting tokenizer", () => expect(() => checkTokenizer(config, fitting)).not.toThrow());
  test("tokens at other places (files of two revisions)", () =>
    expect(() =>
      checkTokenizer(config, {
        ...fitting,
        specialTokens: new Map([
          ["[gMASK]", 18],
          ["<sop>", 25],
        ]),
      }),
    ).toThrow(/<sop> is id 25, beyond.*\n.*puts \[gMASK\] at id 19, the tokenizer at 18\n.*puts <sop> at id 20/));
  test("more tokens than rows", () =>
    expect(() => checkTokenizer(config, { ...fitting, vocabularySize: 24 })).toThrow(/24 ids.* 23 rows/));
  test("ids of the configuration beyond its rows", () => {
    expect(() => checkConfigIds(config, [21])).not.toThrow();
    expect(() => checkConfigIds(config, [23])).toThrow(/end token is id 23/);
    expect(() => checkConfigIds({ ...config, padId: 40 }, [])).toThrow(/padding token is id 40/);
  });
  test("ids without a token", () => {
    expect(unusedIds({ ...config, vocabulary: 265 }, glm)).toEqual([263, 264]);
    expect(unusedIds(config, undefined)).toEqual([]);
    const hole = { ...glm, tokenOf: (id: number) => (id === 5 ? undefined : glm.tokenOf(id)) };
    expect(unusedIds({ ...config, vocabulary: 263 }, hole)).toEqual([5]);
  });
});
