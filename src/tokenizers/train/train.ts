/**
 * Trains a byte-level BPE tokenizer on text. The same text and settings give the same tokenizer as Hugging Face's `BpeTrainer`, whatever
 * the number of threads.
 */
import { CongError, checkInteger } from "../../support/index.ts";
import { byteCharacters } from "../byte-level/alphabet.ts";
import { glm4Pattern } from "../byte-level/patterns.ts";
import { translatePattern } from "../pattern/index.ts";
import { countWords, type Texts } from "./count-words.ts";
import { learnMerges, type WordTable } from "./learn-merges.ts";

export interface TrainOptions {
  /** Tokens in all, special tokens and the 256 bytes included. Fewer come out when the text has no more pairs. */
  readonly vocabularySize: number;
  /** A pair must occur this often to become a token. Default 0, which means once. */
  readonly minFrequency?: number;
  /** They get the first ids, in this order. Default none. */
  readonly specialTokens?: readonly string[];
  /** "bytes": all 256, so that any text can be written. "seen": only those in the text. Default "bytes". */
  readonly initialAlphabet?: "bytes" | "seen";
  /** How text is cut into words, as an Oniguruma pattern. Default GLM-4's. */
  readonly pattern?: string;
  /** Special tokens before and after every text, such as `[gMASK]` `<sop>`. Default none. */
  readonly surround?: { readonly before?: readonly string[]; readonly after?: readonly string[] };
  /** Threads that count words. Default 2. */
  readonly threads?: number;
  /** Different words kept in the memory of each thread; the rarest go first. Default 4,000,000 (up to about 0.5 GB each). */
  readonly maximumWords?: number;
  readonly onProgress?: (progress: TrainProgress) => void;
}

export type TrainProgress =
  | { readonly phase: "count"; readonly characters: number }
  | { readonly phase: "merge"; readonly tokens: number; readonly vocabularySize: number };

export interface TrainedBpe {
  /** All tokens by id, in the byte alphabet; special tokens as they are. */
  readonly tokens: readonly string[];
  /** Pairs of ids, in the order in which they merge. */
  readonly merges: readonly (readonly [number, number])[];
  readonly specialTokens: readonly string[];
  readonly pattern: string;
  readonly surround: { readonly before: readonly string[]; readonly after: readonly string[] };
  readonly report: {
    readonly words: number;
    /** Words forgotten because of `maximumWords`: above zero, rare merges may differ from an unlimited run. */
    readonly wordsDropped: number;
    readonly countSeconds: number;
    readonly mergeSeconds: number;
  };
}

/** Bytes and 32-bit ids: merges beyond this number could not be read back. */
const largestVocabulary = 2 ** 22;

/**
 * @param texts each is cut into words by itself; for files, `linesOf` gives lines with their ends, as Hugging Face's trainer reads them
 */
export async function trainByteLevelBpe(texts: Texts, options: TrainOptions): Promise<TrainedBpe> {
  const { specialTokens = [], pattern = glm4Pattern, initialAlphabet = "bytes", surround = {} } = options;
  const { minFrequency = 0, threads = 2, maximumWords = 4_000_000, onProgress } = options;
  const where = "trainByteLevelBpe";
  checkInteger(where, { vocabularySize: options.vocabularySize }, { min: 1, max: largestVocabulary });
  checkInteger(where, { minFrequency }, { min: 0 });
  checkInteger(where, { threads }, { min: 1, max: 64 });
  checkInteger(where, { maximumWords }, { min: 1000 });
  const special = checkSpecialTokens(specialTokens, [...(surround.before ?? []), ...(surround.after ?? [])]);
  // A pattern that cannot be had is known before the first text is read.
  translatePattern(pattern);

  const started = performance.now();
  const { counts, dropped } = await countWords(texts, { pattern, mostWords: maximumWords }, threads, (characters) =>
    onProgress?.({ phase: "count", characters }),
  );
  const counted = performance.now();
  const { tokens, byteIds } = alphabetOf(counts, specialTokens, initialAlphabet);
  if (options.vocabularySize < tokens.length) {
    throw new CongError(
      "BAD_ARGUMENT",
      `${where}: a vocabulary of ${options.vocabularySize} cannot hold ${specialTokens.length} special tokens and ${tokens.length - specialTokens.length} bytes`,
      { vocabularySize: options.vocabularySize, needed: tokens.length },
      `ask for at least ${tokens.length} tokens; useful vocabularies have thousands`,
    );
  }
  const merges = learnMerges(wordTable(counts, byteIds), tokens, {
    vocabularySize: options.vocabularySize,
    minFrequency,
    isSpecial: (token) => special.has(token),
    onMerge: (size) => {
      if (size % 100 === 0) onProgress?.({ phase: "merge", tokens: size, vocabularySize: options.vocabularySize });
    },
  });
  return {
    tokens,
    merges,
    specialTokens,
    pattern,
    surround: { before: surround.before ?? [], after: surround.after ?? [] },
    report: {
      words: counts.size,
      wordsDropped: dropped,
      countSeconds: (counted - started) / 1000,
      mergeSeconds: (performance.now() - counted) / 1000,
    },
  };
}

function checkSpecialTokens(specialTokens: readonly string[], used: readonly string[]): Set<string> {
  const special = new Set(specialTokens);
  if (special.size < specialTokens.length || special.has("")) {
    const wrong = specialTokens.find((token, i) => token === "" || specialTokens.indexOf(token) < i);
    throw new CongError(
      "BAD_ARGUMENT",
      `trainByteLevelBpe: the special token ${JSON.stringify(wrong)} is empty or given twice`,
      { token: wrong },
      "every special token needs a name of its own",
    );
  }
  for (const token of used) {
    if (special.has(token)) continue;
    throw new CongError(
      "BAD_ARGUMENT",
      `trainByteLevelBpe: surround uses ${JSON.stringify(token)}, which is no special token`,
      { token },
      "add it to specialTokens",
    );
  }
  return special;
}

/** Special tokens first, then bytes in the order of their characters (as Hugging Face sorts them). */
function alphabetOf(
  counts: ReadonlyMap<string, number>,
  specialTokens: readonly string[],
  initial: "bytes" | "seen",
): { tokens: string[]; byteIds: Int32Array } {
  const wanted = new Uint8Array(256).fill(initial === "bytes" ? 1 : 0);
  if (initial === "seen") for (const word of counts.keys()) for (const byte of Buffer.from(word)) wanted[byte] = 1;
  const tokens = [...specialTokens];
  const sorted = byteCharacters
    .map((character, byte) => ({ character, byte }))
    .sort((a, b) => (a.character < b.character ? -1 : 1));
  const byteIds = new Int32Array(256).fill(-1);
  for (const { character, byte } of sorted) {
    if (wanted[byte] === 0) continue;
    byteIds[byte] = tokens.length;
    tokens.push(character);
  }
  return { tokens, byteIds };
}

function wordTable(counts: ReadonlyMap<string, number>, byteIds: Int32Array): WordTable {
  const starts = new Int32Array(counts.size + 1);
  let total = 0;
  let word = 0;
  for (const text of counts.keys()) {
    total += Buffer.byteLength(text);
    starts[++word] = total;
  }
  const symbols = new Int32Array(total);
  let at = 0;
  for (const text of counts.keys()) for (const byte of Buffer.from(text)) symbols[at++] = byteIds[byte]!;
  return { symbols, starts, counts: Float64Array.from(counts.values()) };
}
