/**
 * Opens the tokenizer of a model folder, whatever generation it is: tokenizer.json first, as Hugging Face does, then ChatGLM-6B's
 * ice_text.model, then tokenizer.model, which is SentencePiece or a tiktoken rank file. Nothing in the folder is executed.
 */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CongError } from "../support/index.ts";
import { applyChatTemplate, type ChatMessage, type ChatTemplateOptions, type JinjaSource } from "./chat/index.ts";
import { chatGlm2Tokenizer, chatGlm3Tokenizer, chatGlm6bTokenizer, detectChatGlm } from "./chatglm/index.ts";
import { parseTokenizerJson, readTokenizerConfig, type TokenizerConfig } from "./huggingface/index.ts";
import { parseSentencePieceModel, type SentencePieceModel, sentencePieceTokenizer } from "./sentencepiece/index.ts";
import { glm4Tokenizer, looksLikeTiktoken } from "./tiktoken/index.ts";
import type { SpecialIds, Tokenizer } from "./tokenizer.ts";

export interface LoadedTokenizer extends Tokenizer {
  /** The model's own chat template (Jinja), where its files have one. */
  readonly chatTemplate?: JinjaSource;
  /**
   * A conversation as ids, by the model's own template, else by that of its generation. Special tokens come from the template
   * alone; what a message spells stays text.
   */
  applyChatTemplate(
    messages: readonly ChatMessage[],
    options: ChatTemplateOptions & { readonly tokenize: false },
  ): string;
  applyChatTemplate(
    messages: readonly ChatMessage[],
    options?: ChatTemplateOptions & { readonly tokenize?: true | undefined },
  ): number[];
}

const vocabularyFiles = ["tokenizer.json", "ice_text.model", "tokenizer.model"] as const;

/**
 * @param path a model folder, or one of its vocabulary files; files beside it are read, too
 * @throws CongError `PATH_NOT_FOUND`, `NO_TOKENIZER`, or what the reader of the file throws
 */
export async function loadTokenizer(path: string): Promise<LoadedTokenizer> {
  const { folder, file } = await locate(path);
  const textOf = (name: string): Promise<string | undefined> => readText(join(folder, name));
  const config = readTokenizerConfig({
    config: await textOf("tokenizer_config.json"),
    specialTokensMap: await textOf("special_tokens_map.json"),
    chatTemplate: await textOf("chat_template.jinja"),
  });
  const bytes = await readFile(join(folder, file));
  const tokenizer = await fromBytes(bytes, config, folder);
  const { chatTemplate } = config;
  return {
    ...tokenizer,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    applyChatTemplate: ((messages: readonly ChatMessage[], options: ChatTemplateOptions = {}) =>
      applyChatTemplate(tokenizer, messages, {
        ...options,
        template: options.template ?? chatTemplate,
      })) as LoadedTokenizer["applyChatTemplate"],
  };
}

async function locate(path: string): Promise<{ folder: string; file: string }> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new CongError("PATH_NOT_FOUND", `loadTokenizer: there is nothing at ${path}`, { path }, "check the path");
  }
  if (!found.isDirectory()) return { folder: dirname(path), file: basename(path) };
  for (const file of vocabularyFiles) {
    const inside = await stat(join(path, file)).catch(() => undefined);
    if (inside?.isFile()) return { folder: path, file };
  }
  throw new CongError(
    "NO_TOKENIZER",
    `loadTokenizer: ${path} holds no tokenizer`,
    { path, wanted: vocabularyFiles },
    `wanted is one of ${vocabularyFiles.join(", ")}; copy it from the model's original folder`,
  );
}

/** Text of a file, or undefined when there is none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function fromBytes(bytes: Uint8Array, config: TokenizerConfig, folder: string): Promise<Tokenizer> {
  // The content decides, not the name: GLM-4's tiktoken file and ChatGLM3's SentencePiece file are both tokenizer.model.
  if (firstVisible(bytes) === "{") return parseTokenizerJson(bytes, { names: config.names, added: config.added });
  if (looksLikeTiktoken(bytes)) return tiktoken(bytes, config);
  const model = parseSentencePieceModel(bytes);
  const known = detectChatGlm(model);
  if (known === "chatglm-6b") return chatGlm6bTokenizer(model);
  if (known === "chatglm3") return (await isChatGlm2(folder)) ? chatGlm2Tokenizer(model) : chatGlm3Tokenizer(model);
  return sentencePiece(model, config);
}

function firstVisible(bytes: Uint8Array): string {
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  return start.slice(0, 1);
}

/** GLM-4's special tokens follow the ranks; a tokenizer_config.json that lists them has the last word. */
function tiktoken(bytes: Uint8Array, config: TokenizerConfig): Tokenizer {
  if (config.added.length === 0) return glm4Tokenizer(bytes);
  const specialTokens = new Map(config.added.map(({ content, id }) => [content, id]));
  const names = Object.fromEntries(Object.entries(config.names).filter(([, name]) => specialTokens.has(name)));
  const before = ["[gMASK]", "<sop>"].filter((name) => specialTokens.has(name));
  return glm4Tokenizer(bytes, { specialTokens, names, before });
}

/**
 * ChatGLM2 and ChatGLM3 share their vocabulary file; only ChatGLM3 has tokens for roles. The released Python code tells them apart
 * (it is searched, not run), else the name in config.json; without either, ChatGLM3, which has all tokens of both.
 */
async function isChatGlm2(folder: string): Promise<boolean> {
  const code = await readText(join(folder, "tokenization_chatglm.py"));
  if (code !== undefined) return !code.includes("<|user|>");
  return /"_name_or_path"\s*:\s*"[^"]*chatglm2/i.test((await readText(join(folder, "config.json"))) ?? "");
}

/** Llama's way: `<s>` before every text unless the config says otherwise. */
function sentencePiece(model: SentencePieceModel, config: TokenizerConfig): Tokenizer {
  const idOf = (role: keyof SpecialIds): number | undefined => {
    const name = config.names[role];
    const place = model.pieces.findIndex(({ piece }) => piece === name);
    return place >= 0 ? place : config.added.find(({ content }) => content === name)?.id;
  };
  const added = new Map(
    config.added.filter(({ id }) => id >= model.pieces.length).map(({ content, id }) => [content, id]),
  );
  const plain = sentencePieceTokenizer(model, { added });
  const ids: Partial<Record<keyof SpecialIds, number>> = { ...plain.ids };
  for (const role of ["begin", "end", "pad", "unknown", "mask"] as const) {
    const id = idOf(role);
    if (id !== undefined) ids[role] = id;
  }
  const llama = /^Llama|^Code ?Llama/.test(config.tokenizerClass ?? "");
  const before = (config.addBegin ?? llama) && ids.begin !== undefined ? [ids.begin] : [];
  const after = config.addEnd === true && ids.end !== undefined ? [ids.end] : [];
  return sentencePieceTokenizer(model, { added, ids, surround: (list) => [...before, ...list, ...after] });
}
