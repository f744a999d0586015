/** The chat template that a model folder brings along, in any of the places where Hugging Face puts it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CongError } from "../../support/index.ts";
import { type JinjaSource, jinjaTemplate } from "./jinja/template.ts";
import type { ChatTemplate } from "./template.ts";

/**
 * Reads `chat_template.jinja`, else the `chat_template` field of `chat_template.json`, else that of
 * `tokenizer_config.json`. Undefined when the folder has none: then the tokenizer's generation decides.
 *
 * @throws CongError `BAD_CHAT_TEMPLATE` naming the file whose template is damaged
 */
export function chatTemplateOfFolder(folder: string): ChatTemplate | undefined {
  const plain = join(folder, "chat_template.jinja");
  if (existsSync(plain)) return readTemplate(readFileSync(plain, "utf8"), plain);
  for (const name of ["chat_template.json", "tokenizer_config.json"]) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    const template = templateField(path);
    if (template !== undefined && template !== null) return readTemplate(template, path);
  }
  return undefined;
}

function templateField(path: string): unknown {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { chat_template?: unknown } | null)?.chat_template;
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

function readTemplate(template: unknown, path: string): ChatTemplate {
  if (typeof template === "string") return named(template, path);
  const isList =
    Array.isArray(template) &&
    template.length > 0 &&
    template.every((entry) => typeof entry?.name === "string" && typeof entry?.template === "string");
  if (!isList) throw damaged(path, "chat_template is neither a text nor a list of {name, template}");
  return named(template as JinjaSource, path);
}

function named(source: JinjaSource, path: string): ChatTemplate {
  try {
    return jinjaTemplate(source, path);
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

function damaged(path: string, reason: string): CongError {
  return new CongError(
    "BAD_CHAT_TEMPLATE",
    `${path}: ${reason}`,
    { path },
    "restore the file from the model's repository, or name a template of a generation",
  );
}
