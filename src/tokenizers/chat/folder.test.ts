import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { byteTokenizer } from "./byte-tokenizer.fixture.ts";
import { applyChatTemplate, chatTemplateOfFolder } from "./index.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "chat-template-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, content: unknown) =>
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
const prompt = (tools: object[] = []) => {
  const template = chatTemplateOfFolder(folder);
  return applyChatTemplate(byteTokenizer(["<s>"]), [{ role: "user", content: "x" }], {
    template,
    tools,
    tokenize: false,
  });
};

test("the three places, in order", () => {
  expect(chatTemplateOfFolder(folder)).toBeUndefined();
  write("tokenizer_config.json", { chat_template: null });
  expect(chatTemplateOfFolder(folder)).toBeUndefined();
  write("tokenizer_config.json", { chat_template: "config" });
  expect(prompt()).toBe("config");
  write("chat_template.json", { chat_template: "json" });
  expect(prompt()).toBe("json");
  write("chat_template.jinja", "jinja\n");
  expect(prompt()).toBe("jinja");
});

test("several templates by name", () => {
  const entries = [
    { name: "default", template: "plain" },
    { name: "tool_use", template: "tools" },
  ];
  write("tokenizer_config.json", { chat_template: entries });
  expect([prompt(), prompt([{ name: "f" }])]).toEqual(["plain", "tools"]);
});

test("damaged files are named", () => {
  write("tokenizer_config.json", "{");
  expect(() => chatTemplateOfFolder(folder)).toThrow("tokenizer_config.json");
  write("tokenizer_config.json", { chat_template: 3 });
  expect(() => chatTemplateOfFolder(folder)).toThrow("neither a text nor a list");
  write("tokenizer_config.json", { chat_template: "{% if %}" });
  expect(() => chatTemplateOfFolder(folder)).toThrow("cannot be read");
});
