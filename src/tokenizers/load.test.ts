import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIncrementalDecoder } from "./incremental-decoder.ts";
import { loadTokenizer } from "./load.ts";
import { glm4Tokenizer, parseTiktoken } from "./tiktoken/index.ts";
import { tokenizerJson, trainByteLevelBpe } from "./train/index.ts";

/** All bytes, then some longer tokens, in tiktoken's form. */
const rankFile = (tokens: readonly string[]): string =>
  [...Array.from({ length: 256 }, (_, byte) => Buffer.of(byte)), ...tokens.map((token) => Buffer.from(token))]
    .map((bytes, rank) => `${bytes.toString("base64")} ${rank}\n`)
    .join("");
const ranks = rankFile(["ab", "bc", "abc", " a", "xyz"]);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "congling-load-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function folderOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
  return path;
}

describe("tiktoken files", () => {
  it("merge by rank, and find a whole word that no merge reaches", () => {
    const tokenizer = parseTiktoken(ranks);
    // ab (256) goes before bc (257) and before " a" (259); then ab + c is abc (258).
    expect(tokenizer.encode("abc abc ac")).toEqual([258, 32, 258, 259, 99]);
    expect(tokenizer.encode("xyz")).toEqual([260]);
    expect(tokenizer.decode([258, 259, 257])).toBe("abc abc");
  });

  it("become GLM-4's tokenizer, which text cannot inject into", () => {
    const tokenizer = glm4Tokenizer(ranks);
    const gMask = 261 + 2;
    expect(tokenizer.idOf("[gMASK]")).toBe(gMask);
    expect(tokenizer.encode("ab")).toEqual([gMask, 261 + 4, 256]);
    expect(tokenizer.encode("<|user|>", { addSpecialTokens: false })).not.toContain(tokenizer.idOf("<|user|>"));
    expect(tokenizer.ids).toEqual({ end: 261, pad: 261, mask: 262 });
  });

  it.each([
    ["", /none for the byte 0x00/],
    ["AA== 0\nAA== 1\n", /line 2/],
    ["not base64!\n", /line 1/],
  ])("refuse damage", (text, message) => {
    expect(() => parseTiktoken(text)).toThrow(message);
  });
});

describe("loadTokenizer", () => {
  it("opens a tokenizer.json folder with its names and its chat template", async () => {
    const trained = await trainByteLevelBpe(["hello hello"], {
      vocabularySize: 270,
      specialTokens: ["<eos>", "<|user|>"],
    });
    const path = await folderOf("json", {
      "tokenizer.json": tokenizerJson(trained),
      "tokenizer_config.json": JSON.stringify({
        eos_token: { content: "<eos>" },
        chat_template: "{% for m in messages %}<|user|>{{ m.content }}{% endfor %}",
        added_tokens_decoder: { "300": { content: "<extra>", special: true } },
      }),
    });
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer.ids).toEqual({ end: 0 });
    expect(tokenizer.specialTokens.get("<extra>")).toBe(300);
    const ids = tokenizer.applyChatTemplate([{ role: "user", content: "<eos>" }]);
    expect(ids[0]).toBe(1);
    expect(ids).not.toContain(0);
    expect((await loadTokenizer(join(path, "tokenizer.json"))).ids).toEqual({ end: 0 });
  });

  it("takes tokenizer.model for what it is: here a tiktoken file", async () => {
    const tokenizer = await loadTokenizer(await folderOf("tiktoken", { "tokenizer.model": ranks }));
    expect(tokenizer.encode("ab").slice(2)).toEqual([256]);
    expect(tokenizer.applyChatTemplate([{ role: "user", content: "ab" }], { tokenize: false })).toContain("<|user|>");
  });

  it("says what is missing or broken", async () => {
    await expect(loadTokenizer(join(folder, "nowhere"))).rejects.toThrow(/there is nothing at/);
    await expect(loadTokenizer(await folderOf("empty", {}))).rejects.toThrow(/wanted is one of tokenizer.json/);
    await expect(loadTokenizer(await folderOf("cut", { "tokenizer.json": '{"model":' }))).rejects.toThrow(/no JSON/);
    const config = { "tokenizer.model": ranks, "tokenizer_config.json": "[]" };
    await expect(loadTokenizer(await folderOf("config", config))).rejects.toThrow(/tokenizer_config.json/);
  });
});

describe("createIncrementalDecoder", () => {
  it("holds half a character back, joins over skipped special tokens, and gives up on nonsense", () => {
    const tokenizer = glm4Tokenizer(ranks);
    const decoder = createIncrementalDecoder(tokenizer);
    const push = (...ids: number[]): string[] => ids.map((id) => decoder.push(id));
    expect(push(0xf0, 0x9f, 0x98, 0x80)).toEqual(["", "", "", "😀"]);
    expect(push(0xe4, 263, 0xbd, 0xa0)).toEqual(["", "", "", "你"]);
    expect(push(0xe4, 0x61)).toEqual(["", "\ufffda"]);
    expect(push(0xe4)).toEqual([""]);
    expect(decoder.flush()).toBe("\ufffd");
    expect(decoder.flush()).toBe("");
  });

  it("gives, joined, what decode gives, for any ids", () => {
    const tokenizer = glm4Tokenizer(ranks);
    for (let seed = 0; seed < 200; seed++) {
      const ids = Array.from({ length: 30 }, (_, i) => (seed * 7919 + i * i * 104729 + ((i * seed) % 13) * 31) % 275);
      const decoder = createIncrementalDecoder(tokenizer);
      const text = ids.map((id) => decoder.push(id)).join("") + decoder.flush();
      expect(text).toBe(tokenizer.decode(ids));
    }
  });
});
