/** `--template`: a file with a Jinja template, or the name of a GLM generation. */
import { readFile } from "node:fs/promises";
import { type ChatTemplate, chatTemplate, chatTemplates, jinjaTemplate } from "../tokenizers/index.ts";

export const templateHelp = `chat template: a Jinja file, or one of ${Object.keys(chatTemplates).join(", ")} (default: the model's own)`;

/** @throws CongError `UNKNOWN_NAME`, `BAD_CHAT_TEMPLATE` */
export async function readTemplateOption(value: string | undefined): Promise<ChatTemplate | undefined> {
  if (value === undefined) return undefined;
  if (Object.hasOwn(chatTemplates, value)) return chatTemplate(value);
  const text = await readFile(value, "utf8").catch(() => undefined);
  return text === undefined ? chatTemplate(value) : jinjaTemplate(text, value);
}
