/** Trains a tokenizer for a GLM on text files, and reports what a tokenizer makes of texts. */
import { mkdir } from "node:fs/promises";
import { type TextUnit, textOfRecord } from "../../data/index.ts";
import { pick } from "../../support/suggest.ts";
import {
  type Tokenizer,
  type TrainedBpe,
  type TrainProgress,
  trainByteLevelBpe,
  writeTokenizer,
} from "../../tokenizers/index.ts";
import { nothingToLearn } from "./pretrain.ts";
import { checkFiles, nothingSetAside, readRecords, type SetAside } from "./records.ts";

/** GLM-4's special tokens, with the `<eop>` that ends a blank; in its order. */
export const glmSpecialTokens: readonly string[] = [
  "<|endoftext|>",
  "[MASK]",
  "[gMASK]",
  "[sMASK]",
  "<sop>",
  "<eop>",
  "<|system|>",
  "<|user|>",
  "<|assistant|>",
  "<|observation|>",
];

/**
 * How text is cut into words, inside which tokens lie. `glm-4` is GLM-4's pattern. `characters` ends a word after every
 * Han character and mark: in classical Chinese, where a character is a word, merged ones have to be learned again in
 * every combination (quick start: fewer bits a character from the same small model).
 */
export const wordPatterns = { "glm-4": undefined, characters: "\\p{Han}|\\p{P}|[^\\p{Han}\\p{P}]+" } as const;
export type WordPattern = keyof typeof wordPatterns;

export interface TrainTokenizerOptions {
  readonly files: readonly string[];
  readonly out: string;
  readonly vocabularySize: number;
  readonly format?: string | null;
  readonly textUnit?: TextUnit;
  /** Default "glm-4". */
  readonly words?: WordPattern;
  /** A pair must occur so often to become a token. Default 2. */
  readonly minFrequency?: number;
  readonly threads?: number;
  readonly onProgress?: (progress: TrainProgress) => void;
}

/** Writes `tokenizer.json` and `tokenizer_config.json`; every text then begins with `[gMASK]<sop>`, as GLM-4's do. */
export async function trainTokenizer(
  options: TrainTokenizerOptions,
): Promise<{ readonly trained: TrainedBpe; readonly aside: SetAside }> {
  const { files, out, vocabularySize, format = null, textUnit = "line", minFrequency = 2, threads = 2 } = options;
  checkFiles(files, "data");
  const pattern = pick<string | undefined>("word pattern", wordPatterns, options.words ?? "glm-4");
  const aside = nothingSetAside();
  const trained = await trainByteLevelBpe(readRecords({ files, format, textUnit }, textOfRecord, aside), {
    vocabularySize,
    minFrequency,
    threads,
    specialTokens: glmSpecialTokens,
    surround: { before: ["[gMASK]", "<sop>"] },
    ...(pattern === undefined ? {} : { pattern }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  // A tokenizer of nothing would take the place of a good one in the same folder.
  if (trained.report.words === 0) throw nothingToLearn(aside);
  await mkdir(out, { recursive: true });
  await writeTokenizer(out, trained, {
    names: { end: "<|endoftext|>", pad: "<|endoftext|>", mask: "[MASK]" },
  });
  return { trained, aside };
}

export interface TokenizerReport {
  readonly vocabularySize: number;
  readonly texts: number;
  readonly characters: number;
  readonly bytes: number;
  readonly tokens: number;
  readonly charactersPerToken: number;
  readonly bytesPerToken: number;
  /** Different tokens that occur, as a share of the vocabulary without special tokens. */
  readonly vocabularyUsed: number;
  /** Share of the bytes that stand in tokens of whole characters, not in pieces of them. */
  readonly byteCoverage: number;
  /** The same for different Han characters: how many of them the vocabulary can write in one piece. */
  readonly hanCoverage: number;
  /** Texts that decode to something else than they were. */
  readonly changedTexts: number;
}

const han = /\p{Script=Han}/u;

/** Counts over a stream of texts; memory stays constant. */
export async function reportTokenizer(
  tokenizer: Tokenizer,
  texts: AsyncIterable<string> | Iterable<string>,
): Promise<TokenizerReport> {
  const used = new Set<number>();
  const pieces = new Map<number, boolean>();
  const hanWhole = new Map<string, boolean>();
  let [count, characters, bytes, tokens, broken, changed] = [0, 0, 0, 0, 0, 0];
  /** Whether the token's bytes are whole characters. */
  const isWhole = (id: number): boolean => {
    const known = pieces.get(id);
    if (known !== undefined) return known;
    const whole = !new TextDecoder().decode(tokenizer.bytesOf(id)).includes("\uFFFD");
    pieces.set(id, whole);
    return whole;
  };
  for await (const text of texts) {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    count++;
    tokens += ids.length;
    bytes += Buffer.byteLength(text);
    for (const id of ids) {
      used.add(id);
      if (!isWhole(id)) broken += tokenizer.bytesOf(id).length;
    }
    for (const character of text) {
      characters++;
      if (!han.test(character) || hanWhole.has(character)) continue;
      hanWhole.set(character, tokenizer.encode(character, { addSpecialTokens: false }).length === 1);
    }
    if (tokenizer.decode(ids) !== text) changed++;
  }
  const whole = [...hanWhole.values()].filter(Boolean).length;
  return {
    vocabularySize: tokenizer.vocabularySize,
    texts: count,
    characters,
    bytes,
    tokens,
    charactersPerToken: characters / tokens,
    bytesPerToken: bytes / tokens,
    vocabularyUsed: used.size / (tokenizer.vocabularySize - tokenizer.specialTokens.size),
    byteCoverage: 1 - broken / bytes,
    hanCoverage: hanWhole.size === 0 ? 1 : whole / hanWhole.size,
    changedTexts: changed,
  };
}
