/** A trained tokenizer as `tokenizer.json` and `tokenizer_config.json`, which Hugging Face tools read as they are. */
import { join } from "node:path";
import { CongError, stageFile, syncFolder } from "../../support/index.ts";
import { parseTokenizerJson } from "../huggingface/index.ts";
import type { SpecialIds, Tokenizer } from "../tokenizer.ts";
import type { TrainedBpe } from "./train.ts";

export interface TokenizerConfigOptions {
  /** Special tokens by role. Default none. */
  readonly names?: Readonly<Partial<Record<keyof SpecialIds, string>>>;
  /** Longest text the model takes, in tokens. Default: no limit stated. */
  readonly modelMaxLength?: number;
  /** A Jinja chat template. */
  readonly chatTemplate?: string;
}

/** The tokenizer itself, without writing a file. */
export function tokenizerOf(trained: TrainedBpe, options: TokenizerConfigOptions = {}): Tokenizer {
  return parseTokenizerJson(tokenizerJson(trained), { names: options.names ?? {} });
}

/** The file's text, byte for byte as Hugging Face tokenizers 0.23 writes it. */
export function tokenizerJson(trained: TrainedBpe): string {
  const { tokens, merges, specialTokens, pattern, surround } = trained;
  const content = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((token, id) => ({ id, content: token, ...addedTokenFlags })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: surround.before.length + surround.after.length === 0 ? null : template(trained),
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabularyMarker,
      merges: merges.map(([left, right]) => [tokens[left], tokens[right]]),
    },
  };
  // An object would put tokens that look like numbers first; the file lists all by id.
  const entries = tokens.map((token, id) => `      ${JSON.stringify(token)}: ${id}`).join(",\n");
  const text = JSON.stringify(content, null, 2);
  const [head, tail] = text.split(JSON.stringify(vocabularyMarker)) as [string, string];
  return `${head}{\n${entries}\n    }${tail}`;
}

const addedTokenFlags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const vocabularyMarker = "\u0000vocabulary";

function template({ specialTokens, surround }: TrainedBpe): unknown {
  const piece = (id: string): unknown => ({ SpecialToken: { id, type_id: 0 } });
  const sequence = (id: string, type: number): unknown => ({ Sequence: { id, type_id: type } });
  const before = surround.before.map(piece);
  const after = surround.after.map(piece);
  const used = [...new Set([...surround.before, ...surround.after])].sort();
  return {
    type: "TemplateProcessing",
    single: [...before, sequence("A", 0), ...after],
    pair: [...before, sequence("A", 0), sequence("B", 1), ...after],
    special_tokens: Object.fromEntries(
      used.map((token) => [token, { id: token, ids: [specialTokens.indexOf(token)], tokens: [token] }]),
    ),
  };
}

const configNames: Readonly<Record<keyof SpecialIds, string>> = {
  begin: "bos_token",
  end: "eos_token",
  pad: "pad_token",
  unknown: "unk_token",
  mask: "mask_token",
};

/** The text of tokenizer_config.json. */
export function tokenizerConfig({ specialTokens }: TrainedBpe, options: TokenizerConfigOptions = {}): string {
  const names = Object.entries(options.names ?? {}).map(([role, token]) => {
    if (!specialTokens.includes(token)) {
      throw new CongError(
        "BAD_ARGUMENT",
        `tokenizerConfig: the ${role} token ${JSON.stringify(token)} is no special token`,
        { role, token },
        `special tokens: ${specialTokens.join(", ") || "(none)"}`,
      );
    }
    return [configNames[role as keyof SpecialIds], token];
  });
  const config = {
    added_tokens_decoder: Object.fromEntries(
      specialTokens.map((token, id) => [
        String(id),
        { content: token, lstrip: false, normalized: false, rstrip: false, single_word: false, special: true },
      ]),
    ),
    additional_special_tokens: specialTokens.filter((token) => !names.some(([, name]) => name === token)),
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(names),
    ...(options.chatTemplate === undefined ? {} : { chat_template: options.chatTemplate }),
    ...(options.modelMaxLength === undefined ? {} : { model_max_length: options.modelMaxLength }),
    tokenizer_class: "PreTrainedTokenizerFast",
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Writes both files into a folder that exists; both or none. */
export async function writeTokenizer(
  folder: string,
  trained: TrainedBpe,
  options: TokenizerConfigOptions = {},
): Promise<void> {
  const config = Buffer.from(tokenizerConfig(trained, options));
  const first = await stageFile(join(folder, "tokenizer.json"), [Buffer.from(tokenizerJson(trained))]);
  try {
    const second = await stageFile(join(folder, "tokenizer_config.json"), [config]);
    await first.commit();
    await second.commit();
  } catch (error) {
    await first.discard();
    throw error;
  }
  await syncFolder(folder);
}
